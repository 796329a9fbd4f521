-- Writes events down, all or none, each once for its name; and lets `settle` know of those that count.
-- Sorted by key, so that two batches wait for each other and never in a circle.
with new as (
    insert into order_event (vendor_id, event_id, order_ref, kind, version, occurred_at, received_at, source, body, body_sha256, parked)
    select vendor_id, event_id, order_ref, kind, version, occurred_at, received_at, source, body::jsonb, body_sha256, parked
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[], $7::timestamptz[], $8::text[], $9::text[], $10::bytea[], $11::text[])
        as given (vendor_id, event_id, order_ref, kind, version, occurred_at, received_at, source, body, body_sha256, parked)
    order by vendor_id, event_id
    on conflict do nothing
    returning vendor_id, event_id, order_ref, parked
),
due as (
    insert into order_due (vendor_id, order_ref)
    select distinct vendor_id, order_ref from new where parked is null order by vendor_id, order_ref
)
select vendor_id, event_id from new
