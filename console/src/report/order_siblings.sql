-- The other vendors' parts of an order that was reported for the whole programme: they came with the same event.
-- An order_ref alone says nothing, as every shop counts from one.
select distinct o.order_id, o.order_ref, o.vendor_id, v.name as vendor, o.status, o.currency, o.net_minor,
       o.refunded_minor, o.commission_minor
from order_event mine
join vendor v on v.vendor_id <> mine.vendor_id
join order_event other on other.vendor_id = v.vendor_id and other.event_id = mine.event_id
    and other.body_sha256 = mine.body_sha256 and other.order_ref = mine.order_ref
join customer_order o on o.vendor_id = other.vendor_id and o.order_ref = other.order_ref
where mine.vendor_id = $1 and mine.order_ref = $2
order by o.vendor_id
limit $3
