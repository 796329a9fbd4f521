-- Takes the names of a programme's events, each with its event whole, and says which were free.
-- Sorted by key, so that two batches wait for each other and never in a circle.
insert into programme_event (event_id, order_ref, source, body, owners, inferred, addressee, body_sha256, parked, received_at)
select event_id, order_ref, $9, body::jsonb, owners::jsonb, inferred::jsonb, addressee, body_sha256, parked, $10
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::text[])
    as given (event_id, order_ref, body, owners, inferred, addressee, body_sha256, parked)
order by event_id
on conflict do nothing
returning event_id
