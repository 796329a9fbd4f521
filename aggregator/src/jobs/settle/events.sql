-- What shops reported about orders; parked events take no part.
select named.place as "place!", e.event_id, e.body::text as "body!"
from unnest($1::bigint[], $2::text[]) with ordinality as named (vendor_id, order_ref, place)
join order_event as e using (vendor_id, order_ref)
where e.parked is null
