-- Parked events, those that have waited longest first, after the place ($2, $3, $4).
select e.vendor_id, v.name as vendor, e.event_id, e.order_ref, e.kind, e.occurred_at, e.received_at, e.source, e.parked
from order_event e
join vendor v using (vendor_id)
where e.parked is not null
  and ($1::bigint is null or e.vendor_id = $1)
  and ($2::timestamptz is null or (e.received_at, e.vendor_id, e.event_id) > ($2, $3, $4))
order by e.received_at, e.vendor_id, e.event_id
limit $5
