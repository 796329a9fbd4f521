-- The orders of the days [$1, $2) by currency, for each vendor and (0) for the programme.
insert into rollup_order (vendor_id, day, currency, orders, revenue_minor, commission_minor)
select case grouping(d.vendor_id) when 1 then 0 else d.vendor_id end, d.day, d.currency,
       sum(d.orders)::bigint, sum(d.revenue_minor)::bigint, sum(d.commission_minor)::bigint
from order_daily d
left join affiliate a using (affiliate_id)
where d.day >= $1 and d.day < $2 and coalesce(a.is_active, true)
group by grouping sets ((d.vendor_id, d.day, d.currency), (d.day, d.currency))
having grouping(d.vendor_id) = 1 or d.vendor_id is not null -- nobody's
order by 1, 2, 3 -- a report reads one vendor's days: they lie side by side
