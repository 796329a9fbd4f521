-- What was earned on the days [$2, $3), as far as they are rolled up, by affiliate, product and link: of one vendor's, and (0) of all.
insert into rollup_earner (span_id, by, vendor_id, id, currency, lines, orders, revenue_minor, commission_minor)
select $1, g.by, of.vendor_id, g.id, r.currency, count(*), sum(r.orders)::bigint, sum(r.revenue_minor)::bigint,
       sum(r.commission_minor)::bigint
from rollup_sale r
cross join lateral (values ('affiliate', r.affiliate_id), ('product', r.product_id), ('link', r.link_id)) g (by, id)
cross join lateral (values (0), (r.vendor_id)) of (vendor_id)
where r.day >= $2 and r.day < $3
group by g.by, of.vendor_id, g.id, r.currency
