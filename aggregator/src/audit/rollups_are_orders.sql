-- Rolled-up days whose orders are not those of their rows.
with closed as (
    select day from rollup_day r
    where kind = 'orders' and not exists (select from rollup_stale s where s.kind = r.kind and s.day = r.day)
),
by_row as (
    select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end as vendor_id, d.day, d.currency,
           sum(d.orders) as orders, sum(d.revenue_minor) as revenue, sum(d.commission_minor) as commission
    from order_daily d
    left join link l using (link_id)
    left join affiliate a on a.affiliate_id = l.affiliate_id
    where coalesce(a.is_active, true) and d.day in (select day from closed)
    group by grouping sets ((l.vendor_id, d.day, d.currency), (d.day, d.currency))
    having grouping(l.vendor_id) = 1 or l.vendor_id is not null
),
rolled as (
    select vendor_id, day, currency, orders, revenue_minor, commission_minor
    from rollup_order
    where day in (select day from closed)
)
select count(*) as "violations!"
from by_row
full join rolled using (vendor_id, day, currency)
where (by_row.orders, by_row.revenue, by_row.commission)
      is distinct from (rolled.orders::numeric, rolled.revenue_minor::numeric, rolled.commission_minor::numeric)
