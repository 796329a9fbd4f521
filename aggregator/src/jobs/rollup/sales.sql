-- The rows of the days [$1, $2) that count: whose shop is known, and whose affiliate is switched on.
insert into rollup_sale (day, link_id, currency, vendor_id, affiliate_id, product_id, orders, revenue_minor, commission_minor)
select d.day, d.link_id, d.currency, d.vendor_id, d.affiliate_id, coalesce(d.product_id, 0), d.orders, d.revenue_minor, d.commission_minor
from order_daily d
where d.day >= $1
  and d.day < $2
  and d.vendor_id is not null
  and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
