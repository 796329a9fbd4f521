-- The documents of affiliate $1, newest first; with $2 that one alone. There are twenty at most.
select d.document_id,
       a.public_id as affiliate,
       d.document_type,
       d.object_name,
       d.content_type,
       d.content_sha256,
       d.size_bytes,
       d.status,
       d.rejection_reason,
       d.submitted_at,
       d.verified_at,
       d.reviewer,
       d.row_version
from verification_document d
join affiliate a using (affiliate_id)
where d.affiliate_id = $1 and ($2::text is null or d.document_id = $2)
order by d.submitted_at desc, d.document_id desc
