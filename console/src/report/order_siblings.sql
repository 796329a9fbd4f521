-- The other vendors' parts of an order that was reported for the whole programme: they came with the same event.
-- An order_ref alone says nothing, as every shop counts from one.
-- mine: the first events of the order. Each is looked for at every vendor, so that many would be a lot of work.
with mine as (
    select vendor_id, order_ref, event_id, body_sha256 from order_event
    where vendor_id = $1 and order_ref = $2 order by received_at, event_id limit 20
)
select distinct o.order_id, o.order_ref, o.vendor_id, v.name as vendor, o.status, o.currency, o.net_minor,
       o.refunded_minor, o.commission_minor
from mine
join vendor v on v.vendor_id <> mine.vendor_id
join order_event other on other.vendor_id = v.vendor_id and other.event_id = mine.event_id
    and other.body_sha256 = mine.body_sha256 and other.order_ref = mine.order_ref
join customer_order o on o.vendor_id = other.vendor_id and o.order_ref = other.order_ref
order by o.vendor_id
limit $3
