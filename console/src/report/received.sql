-- The newest $1 reports of the caller's shop, each with its order as far as that was worked out.
select e.event_id, e.order_ref, e.kind, e.source, e.received_at, e.parked is not null as "is_parked!", o.order_id as "order_id?"
from order_event e
left join customer_order o on o.vendor_id = e.vendor_id and o.order_ref = e.order_ref
where e.vendor_id = tenant_vendor()
order by e.received_at desc, e.event_id desc
limit $1
