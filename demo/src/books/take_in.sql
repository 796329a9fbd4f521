-- Reports as the console's intake writes them down, some seconds after each happened. Nothing is put in the queue: whoever
-- lets time pass has them settled at their moment.
insert into order_event (vendor_id, event_id, order_ref, kind, occurred_at, received_at, source, body, body_sha256)
select vendor_id, event_id, order_ref, kind, occurred_at,
       occurred_at + (1 + abs(hashtext(event_id)::bigint) % 20) * interval '1 second', source, body::jsonb, body_sha256
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::bytea[], $8::text[])
    as r (vendor_id, event_id, order_ref, kind, occurred_at, source, body_sha256, body)
order by vendor_id, event_id
