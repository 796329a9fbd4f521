-- Products that fit, newest first, before the number $5. $1: this one. $4: names that hold it.
select p.public_id as product_id,
       v.public_id as vendor_id,
       v.name as vendor_name,
       p.name,
       p.destination,
       p.price_minor,
       p.currency,
       r.rate_ppm as "rate_ppm?",
       p.is_active,
       p.created_at,
       p.product_id as number,
       p.vendor_id as vendor_number,
       p.row_version
from product p
join vendor v using (vendor_id)
-- the override in force
left join lateral (
    select rate_ppm from product_rate r
    where r.vendor_id = p.vendor_id and r.product_id = p.product_id and r.since <= statement_timestamp()
    order by since desc limit 1
) r on true
where ($1::text is null or p.public_id = $1)
  and ($2::bigint is null or p.vendor_id = $2)
  and ($3::boolean is null or p.is_active = $3)
  and ($4::text is null or position(lower($4) in lower(p.name)) > 0)
  and ($5::bigint is null or p.product_id < $5)
order by p.product_id desc
limit $6
