-- Partnerships that fit, newest first, before the place ($5, $6). $1: this one.
select p.public_id as partnership_id,
       v.public_id as vendor_id,
       v.name as vendor_name,
       a.public_id as affiliate_id,
       a.username as affiliate,
       a.name as affiliate_name,
       p.status,
       r.rate_ppm as "rate_ppm?",
       n.rate_ppm as "next_rate_ppm?",
       n.since as "next_since?",
       p.joined_at,
       p.created_at,
       p.vendor_id as vendor_number,
       p.affiliate_id as affiliate_number,
       p.row_version
from partnership p
join vendor v using (vendor_id)
join affiliate a using (affiliate_id)
-- the rate in force
left join lateral (
    select rate_ppm from partnership_rate r
    where r.vendor_id = p.vendor_id and r.affiliate_id = p.affiliate_id and r.since <= statement_timestamp()
    order by since desc limit 1
) r on true
-- and the one after it
left join lateral (
    select rate_ppm, since from partnership_rate n
    where n.vendor_id = p.vendor_id and n.affiliate_id = p.affiliate_id and n.since > statement_timestamp()
    order by since limit 1
) n on true
where ($1::text is null or p.public_id = $1)
  and ($2::bigint is null or p.vendor_id = $2)
  and ($3::bigint is null or p.affiliate_id = $3)
  and ($4::text is null or p.status = $4)
  and ($5::timestamptz is null or (p.created_at, p.public_id) < ($5, $6))
order by p.created_at desc, p.public_id desc
limit $7
