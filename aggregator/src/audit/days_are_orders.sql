with by_order as (
    select link_id, (coalesce(placed_at, completed_at) at time zone 'UTC')::date as day, currency, count(*) as orders,
           sum(net_minor - refunded_minor) as revenue, sum(commission_minor) as commission
    from customer_order
    where link_id is not null and currency is not null and status <> 'Cancelled'
    group by link_id, day, currency
)
-- Links' days that are not the sum of their orders.
select count(*) as "violations!"
from order_daily as d
full join by_order as o using (link_id, day, currency)
where (coalesce(d.orders, 0), coalesce(d.revenue_minor, 0), coalesce(d.commission_minor, 0))
   <> (coalesce(o.orders, 0), coalesce(o.revenue, 0), coalesce(o.commission, 0))
