-- Coupons that fit, newest first, before the place ($6, $7). $1: this one.
select c.public_id as coupon_id,
       c.coupon_code,
       v.public_id as vendor_id,
       v.name as vendor_name,
       l.code as link,
       a.public_id as affiliate_id,
       a.username as affiliate,
       c.since,
       c.until,
       c.vendor_id as vendor_number,
       l.affiliate_id as affiliate_number,
       c.row_version
from coupon c
join link l using (link_id)
join vendor v on v.vendor_id = c.vendor_id
join affiliate a using (affiliate_id)
where ($1::text is null or c.public_id = $1)
  and ($2::bigint is null or c.vendor_id = $2)
  and ($3::bigint is null or l.affiliate_id = $3)
  and ($4::text is null or l.code = $4)
  and ($5::text is null or c.coupon_code = $5)
  and ($6::timestamptz is null or (c.since, c.public_id) < ($6, $7))
order by c.since desc, c.public_id desc
limit $8
