-- One document of an affiliate.
insert into verification_document
    (affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256, status, rejection_reason,
     submitted_at, verified_at, reviewer)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
