with line as (
    select vendor_id, order_ref, sum(net_minor) as net, sum(refunded_minor) as refunded,
           sum(commission_minor) as commission
    from order_line
    group by vendor_id, order_ref
)
-- Orders that are not the sum of their lines.
select count(*) as "violations!"
from customer_order as o
left join line using (vendor_id, order_ref)
where (o.net_minor, o.refunded_minor, o.commission_minor)
   <> (coalesce(net, 0), coalesce(refunded, 0), coalesce(commission, 0))
