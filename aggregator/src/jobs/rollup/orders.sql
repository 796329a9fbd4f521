-- The orders of the days [$1, $2) by currency, for each vendor and (0) for the programme.
insert into rollup_order (vendor_id, day, currency, orders, revenue_minor, commission_minor)
select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end, d.day, d.currency,
       sum(d.orders)::bigint, sum(d.revenue_minor)::bigint, sum(d.commission_minor)::bigint
from order_daily d
left join link l using (link_id)
left join affiliate a on a.affiliate_id = l.affiliate_id
where d.day >= $1 and d.day < $2 and coalesce(a.is_active, true)
group by grouping sets ((l.vendor_id, d.day, d.currency), (d.day, d.currency))
having grouping(l.vendor_id) = 1 or l.vendor_id is not null -- a deleted link is nobody's
order by 1, 2, 3 -- a report reads one vendor's days: they lie side by side
