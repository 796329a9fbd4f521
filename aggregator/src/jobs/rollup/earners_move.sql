-- What the days [$1, $2) have now and did not have when they were added up last, or the other way round, goes into every kept span
-- they lie in.
with moved as (
    select day, link_id, vendor_id, affiliate_id, product_id, currency, sum(lines) as lines, sum(orders) as orders,
           sum(revenue_minor) as revenue, sum(commission_minor) as commission
    from (
        select d.day, d.link_id, d.vendor_id, d.affiliate_id, coalesce(d.product_id, 0) as product_id, d.currency, 1 as lines, d.orders,
               d.revenue_minor, d.commission_minor
        from order_daily d
        where d.day >= $1
          and d.day < $2
          and d.vendor_id is not null
          and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
        union all
        select day, link_id, vendor_id, affiliate_id, product_id, currency, -1, -orders, -revenue_minor, -commission_minor
        from rollup_sale
        where day >= $1 and day < $2
    ) both_of
    group by day, link_id, vendor_id, affiliate_id, product_id, currency
    having (sum(lines), sum(orders), sum(revenue_minor), sum(commission_minor)) <> (0, 0, 0, 0)
)
insert into rollup_earner as e (span_id, by, vendor_id, id, currency, lines, orders, revenue_minor, commission_minor)
select s.span_id, g.by, of.vendor_id, g.id, m.currency, sum(m.lines)::bigint, sum(m.orders)::bigint, sum(m.revenue)::bigint,
       sum(m.commission)::bigint
from moved m
join rollup_span s on m.day >= s.from_day and m.day < s.to_day
join rollup_earning using (span_id)
cross join lateral (values ('affiliate', m.affiliate_id), ('product', m.product_id), ('link', m.link_id)) g (by, id)
cross join lateral (values (0), (m.vendor_id)) of (vendor_id)
group by s.span_id, g.by, of.vendor_id, g.id, m.currency
on conflict (span_id, by, vendor_id, id, currency) do update
set lines = e.lines + excluded.lines, orders = e.orders + excluded.orders, revenue_minor = e.revenue_minor + excluded.revenue_minor,
    commission_minor = e.commission_minor + excluded.commission_minor
