-- Reports over a year in milliseconds: days that are over are added up once, for each vendor and for the programme.
--
-- A rolled-up day is a copy of its rows, and counts only while nobody has said otherwise. Whoever changes a row of a day
-- that is over, or who is switched off, leaves a line in `rollup_stale` in the same commit; from that commit on the day is
-- read row by row again, until it is rolled up anew. So a report is exact at any moment, and a late click costs speed alone.

create table rollup_day (
    kind      text not null check (kind in ('clicks', 'orders')),
    day       date not null,
    rolled_at timestamptz not null,
    primary key (kind, day)
);
comment on table rollup_day is 'Days (UTC) whose clicks, or orders, were added up.';

create table rollup_stale (
    rollup_stale_id bigint generated always as identity primary key,
    kind            text not null check (kind in ('clicks', 'orders')),
    day             date not null
);
comment on table rollup_stale is 'Days that changed after they were over. The snapshot that rolls a day up deletes the lines it sees, and only those.';
create index rollup_stale_day on rollup_stale (kind, day);

-- What affiliates brought that are switched on. Vendor 0 is the whole programme, deleted links among it.
create table rollup_click (
    vendor_id       bigint not null,
    hour            timestamptz not null,
    human_clicks    bigint not null check (human_clicks >= 0),
    filtered_clicks bigint not null check (filtered_clicks >= 0),
    primary key (vendor_id, hour) include (human_clicks, filtered_clicks)
);
create table rollup_split (
    vendor_id    bigint not null,
    split        text not null check (split in ('device', 'browser', 'os', 'country', 'channel')),
    day          date not null,
    code         smallint not null,
    human_clicks bigint not null check (human_clicks >= 0),
    primary key (vendor_id, day, split, code) include (human_clicks)
);
create table rollup_visit (
    vendor_id bigint not null,
    day       date not null,
    sketch    bytea not null,
    primary key (vendor_id, day)
);
create table rollup_order (
    vendor_id        bigint not null,
    day              date not null,
    currency         text not null,
    orders           bigint not null,
    revenue_minor    bigint not null,
    commission_minor bigint not null,
    primary key (vendor_id, day, currency)
);
comment on table rollup_click is 'click_hourly, added up. Vendor 0 is the whole programme.';
comment on table rollup_split is 'click_daily_platform and click_daily_origin, added up five ways. Vendor 0 is the whole programme.';
comment on table rollup_visit is 'visit_daily, united. Vendor 0 is the whole programme.';
comment on table rollup_order is 'order_daily, added up. Vendor 0 is the whole programme.';

-- As for click_hourly: rows arrive in the order of time.
create index visit_daily_day on visit_daily using brin (day) with (pages_per_range = 32, autosummarize = on);

-- From this day on nothing is rolled up, so its changes need no line. `rollup` keeps an hour more away from it, which is
-- longer than any transaction lasts that writes here.
create function rollup_open_from() returns date language sql stable parallel safe as $$
    select ((now() - interval '1 hour') at time zone 'UTC')::date
$$;

-- The days of [from_day, to_day) that must be read row by row, as spans [begins, ends): mostly one, today.
create function rollup_open(of_kind text, from_day date, to_day date) returns table (begins date, ends date)
language sql stable parallel safe as $$
    select min(day), max(day) + 1
    from (
        select d.day::date as day, d.day::date - row_number() over (order by d.day)::integer as neighbours
        from generate_series(from_day::timestamp, to_day::timestamp - interval '1 day', interval '1 day') d (day)
        where not exists (select from rollup_day r where r.kind = of_kind and r.day = d.day::date)
           or exists (select from rollup_stale s where s.kind = of_kind and s.day = d.day::date)
    ) open
    group by neighbours
$$;

-- Says that rows of these days change in this transaction.
create function rollup_touch(of_kind text, days date[]) returns void language sql volatile as $$
    insert into rollup_stale (kind, day)
    select distinct of_kind, day from unnest(days) as changed (day) where day < rollup_open_from()
$$;

-- Says that what these links brought counts for somebody else in this transaction, or for nobody.
create function rollup_touch_links(links bigint[]) returns void language sql volatile as $$
    insert into rollup_stale (kind, day)
    select kind, day
    from (
        select 'clicks' as kind, (hour at time zone 'UTC')::date as day from click_hourly where link_id = any (links)
        union
        select 'orders', day from order_daily where link_id = any (links)
    ) touched
    where day < rollup_open_from()
$$;

-- Whoever is switched off leaves the programme's figures, and comes back with everything.
create function affiliate_rollup() returns trigger language plpgsql as $$
begin
    perform rollup_touch_links(array(select link_id from link where affiliate_id = new.affiliate_id));
    return null;
end $$;
create trigger affiliate_rollup after update of is_active on affiliate
    for each row when (old.is_active <> new.is_active)
    execute function affiliate_rollup();

create function link_rollup() returns trigger language plpgsql as $$
begin
    perform rollup_touch_links(array[old.link_id]);
    return null;
end $$;
create trigger link_rollup_deleted after delete on link
    for each row execute function link_rollup();
create trigger link_rollup_moved after update of vendor_id, affiliate_id on link
    for each row when (old.vendor_id <> new.vendor_id or old.affiliate_id <> new.affiliate_id)
    execute function link_rollup();

do $$
declare
    rolled text;
begin
    foreach rolled in array array['rollup_click', 'rollup_split', 'rollup_visit', 'rollup_order'] loop
        execute format('alter table %I enable row level security', rolled);
        execute format('alter table %I force row level security', rolled);
        execute format('create policy programme on %I to linkledger_aggregator, linkledger_console, linkledger_intake, '
                       'linkledger_operator, linkledger_accounts using (true) with check (true)', rolled);
        execute format('create policy vendor on %I for select to linkledger_vendor using (vendor_id = tenant_vendor())', rolled);
        -- An affiliate's own links are few, and are read themselves; it sees nothing of this.
        execute format('create policy affiliate on %I for select to linkledger_affiliate using (false)', rolled);
        execute format('grant select, insert, delete on %I to linkledger_aggregator', rolled);
        execute format('grant select on %I to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate', rolled);
    end loop;
end $$;
grant select, insert, update on rollup_day to linkledger_aggregator;
grant select, insert, delete on rollup_stale to linkledger_aggregator;
grant select on rollup_day, rollup_stale to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate;
grant insert on rollup_stale to linkledger_operator;
