-- What is paid for a product at $3: its own rate, and the most and the least that a partnership of its vendor pays.
select (select rate_ppm from product_rate r
        where r.vendor_id = $1 and r.product_id = $2 and r.since <= $3 order by since desc limit 1) as own,
       max(r.rate_ppm) as most,
       min(r.rate_ppm) as least
from partnership p
cross join lateral (
    select rate_ppm from partnership_rate r
    where r.vendor_id = p.vendor_id and r.affiliate_id = p.affiliate_id and r.since <= $3
    order by since desc limit 1
) r
where p.vendor_id = $1 and p.status = 'active'
