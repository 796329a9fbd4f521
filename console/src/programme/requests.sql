-- Requests that fit: those that wait first, then the newest, after the place ($6, $7, $8). $1: this one.
select r.request_id,
       r.request_type,
       a.public_id as affiliate_id,
       a.username as affiliate,
       v.public_id as vendor_id,
       v.name as vendor_name,
       p.public_id as "product_id?",
       p.name as "product_name?",
       r.status,
       r.message,
       r.response_message,
       r.responded_at,
       r.responded_by,
       r.created_at,
       r.vendor_id as vendor_number,
       r.affiliate_id as affiliate_number,
       r.row_version
from affiliate_request r
join affiliate a using (affiliate_id)
join vendor v using (vendor_id)
left join product p on p.product_id = r.product_id
where ($1::text is null or r.request_id = $1)
  and ($2::bigint is null or r.vendor_id = $2)
  and ($3::bigint is null or r.affiliate_id = $3)
  and ($4::text is null or r.status = $4)
  and ($5::text is null or r.request_type = $5)
  and ($7::timestamptz is null or (r.status = 'pending', r.created_at, r.request_id) < ($6, $7, $8))
order by (r.status = 'pending') desc, r.created_at desc, r.request_id desc
limit $9
