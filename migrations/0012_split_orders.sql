-- Reports of orders of several vendors are kept whole, so that a vendor that becomes known later is told the earlier
-- ones: who is told what follows from the set of reports, not from the order in which they arrived.
alter table programme_event
    add column order_ref text check (length(order_ref) between 1 and 200),
    add column source text check (source in ('api', 'standard', 'stripe', 'shopify', 'woocommerce', 'postback')),
    add column body jsonb,
    add column owners jsonb check (jsonb_typeof(owners) = 'object'),
    add column inferred jsonb check (jsonb_typeof(inferred) = 'array'),
    add column addressee bigint references vendor,
    add column parked text check (length(parked) > 0);
comment on table programme_event is 'Events reported for the whole programme, each whole, once for every event id, for ever. Its parts are rows of order_event.';
comment on column programme_event.body is 'A common::order::Event with the items of all vendors.';
comment on column programme_event.owners is 'Item to vendor: whose each item is that it sells or takes back.';
comment on column programme_event.inferred is 'Items that it takes back without saying whose they are.';
comment on column programme_event.addressee is 'The one vendor that it is about. Null: every vendor of the order.';
comment on column programme_event.parked is 'Why its parts were parked when they were written down. Each is let in by itself.';

-- What came before was told to the vendors known at that moment. It is put together from its parts; what one vendor
-- alone was told stays with that vendor, because nobody remembers whether it was meant for all.
with part as (
    select p.event_id, e.vendor_id, e.order_ref, e.source, e.parked, e.body,
           coalesce(e.body -> 'items', '[]') as items, coalesce(e.body #> '{reversal,items}', '[]') as returned
    from programme_event p
    join order_event e on e.event_id = p.event_id and e.body_sha256 = p.body_sha256
), item as (
    select event_id, jsonb_agg(item order by item ->> 'item_id') as items from part, jsonb_array_elements(items) item group by event_id
), returned as (
    select event_id, jsonb_agg(item order by item ->> 'item_id') as items from part, jsonb_array_elements(returned) item group by event_id
), owner as (
    select event_id, jsonb_object_agg(item ->> 'item_id', vendor_id) as owners
    from part, jsonb_array_elements(items || returned) item group by event_id
), whole as (
    select event_id, min(order_ref) as order_ref, min(source) as source, min(parked) as parked,
           (array_agg(body order by vendor_id))[1] as body,
           case when count(*) = 1 then min(vendor_id) end as addressee
    from part group by event_id
)
update programme_event p
set order_ref = w.order_ref, source = w.source, parked = w.parked, inferred = '[]', addressee = w.addressee,
    owners = coalesce(o.owners, '{}'),
    body = case when r.items is null then w.body else jsonb_set(w.body, '{reversal,items}', r.items) end
           || case when i.items is null then '{}' else jsonb_build_object('items', i.items) end
from whole w
left join item i using (event_id)
left join returned r using (event_id)
left join owner o using (event_id)
where p.event_id = w.event_id;

alter table programme_event
    alter column order_ref set not null,
    alter column source set not null,
    alter column body set not null,
    alter column owners set not null,
    alter column inferred set not null;
create index programme_event_order on programme_event (order_ref);
