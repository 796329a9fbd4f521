-- $1 whose, $2 events as JSON, $3 whether they are parked: as the intake writes them.
insert into order_event (vendor_id, event_id, order_ref, kind, version, occurred_at, received_at, source, body, body_sha256, parked)
select vendor_id, body ->> 'event_id', body ->> 'order_ref', body ->> 'kind', coalesce((body ->> 'version')::bigint, 0),
       to_timestamp(0) + (body ->> 'occurred_at')::bigint / 1000 * interval '1 s'
                       + (body ->> 'occurred_at')::bigint % 1000 * interval '1 ms',
       now(), 'api', body, sha256(convert_to(body::text, 'UTF8')), case when parked then 'backdated' end
from unnest($1::bigint[], $2::text[], $3::boolean[]) as given (vendor_id, text, parked),
     lateral (select text::jsonb as body) as parsed
on conflict do nothing
