-- Who brought most, in milliseconds: what ranks links, affiliates, products and vendors over the usual spans is kept.
--
-- A kept span ends with the last day that is rolled up (migration 16) and is good for as long as none of its days is stale.
-- Rolling a day up anew lets go of the spans it lies in, in the same commit. So a ranking is exact at any moment: what
-- is kept, and the rows of the days since.

create table rollup_span (
    span_id  integer generated always as identity primary key,
    from_day date not null,
    to_day   date not null,
    made_at  timestamptz not null,
    unique (from_day, to_day),
    check (from_day < to_day)
);
comment on table rollup_span is 'Days (UTC) from the first to before the second whose clicks are kept by link and by group.';

-- Of links that still exist.
create table rollup_link (
    span_id         integer not null references rollup_span on delete cascade,
    link_id         bigint not null,
    vendor_id       bigint not null,
    is_counted      boolean not null,
    human_clicks    bigint not null check (human_clicks >= 0),
    filtered_clicks bigint not null check (filtered_clicks >= 0),
    primary key (span_id, link_id) include (human_clicks, filtered_clicks)
);
create index rollup_link_first on rollup_link (span_id, human_clicks, link_id) include (filtered_clicks, is_counted);
create index rollup_link_of_vendor on rollup_link (vendor_id, span_id, human_clicks, link_id) include (filtered_clicks, is_counted);
comment on table rollup_link is 'click_hourly, added up for each link over a kept span. Counted: its affiliate is switched on.';

create table rollup_group (
    span_id         integer not null references rollup_span on delete cascade,
    by              text not null check (by in ('affiliate', 'vendor', 'product')),
    vendor_id       bigint not null,
    id              bigint not null,
    human_clicks    bigint not null check (human_clicks >= 0),
    filtered_clicks bigint not null check (filtered_clicks >= 0),
    primary key (span_id, by, vendor_id, id) include (human_clicks, filtered_clicks)
);
create index rollup_group_first on rollup_group (span_id, by, vendor_id, human_clicks, id) include (filtered_clicks);
comment on table rollup_group is 'The same for each affiliate, vendor and product (0: links to a shop as a whole), of the counted links to one vendor, or (vendor 0) of all.';

-- Whoever rolls days up, of whatever version, lets go of the spans they lie in.
create function rollup_span_forget() returns trigger language plpgsql as $$
begin
    delete from rollup_span s
    where exists (select from rolled r where r.kind = 'clicks' and r.day >= s.from_day and r.day < s.to_day);
    return null;
end $$;
create trigger rollup_span_forget_new after insert on rollup_day referencing new table as rolled
    for each statement execute function rollup_span_forget();
create trigger rollup_span_forget after update on rollup_day referencing new table as rolled
    for each statement execute function rollup_span_forget();

-- A product's clicks are those of its links.
create trigger link_rollup_product after update of product_id on link
    for each row when (old.product_id is distinct from new.product_id)
    execute function link_rollup();

do $$
declare
    kept text;
begin
    foreach kept in array array['rollup_link', 'rollup_group'] loop
        execute format('alter table %I enable row level security', kept);
        execute format('alter table %I force row level security', kept);
        execute format('create policy programme on %I to linkledger_aggregator, linkledger_console, linkledger_intake, '
                       'linkledger_operator, linkledger_accounts using (true) with check (true)', kept);
        execute format('create policy vendor on %I for select to linkledger_vendor using (vendor_id = tenant_vendor())', kept);
        -- An affiliate's own links are few, and are read themselves; it sees nothing of this.
        execute format('create policy affiliate on %I for select to linkledger_affiliate using (false)', kept);
        execute format('grant select, insert, delete on %I to linkledger_aggregator', kept);
        execute format('grant select on %I to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate', kept);
    end loop;
end $$;
grant select, insert, delete on rollup_span to linkledger_aggregator;
grant select on rollup_span to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate;
