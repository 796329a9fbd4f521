-- Opens orders that nobody has settled yet and of which something is known, in the order of their keys.
insert into customer_order (vendor_id, order_ref)
select vendor_id, order_ref
from unnest($1::bigint[], $2::text[]) as named (vendor_id, order_ref)
where exists (
    select from order_event as e
    where e.vendor_id = named.vendor_id and e.order_ref = named.order_ref and e.parked is null
)
order by vendor_id, order_ref
on conflict (vendor_id, order_ref) do nothing
