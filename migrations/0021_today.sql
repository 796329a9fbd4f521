-- Today in milliseconds: its finished hours are added up, too, for reports and for rankings.
--
-- What is kept of today is good for as long as today has no stale line. A change of one of its hours leaves that line, unless the
-- hour is one of the last two: those are never kept. So today is exact at any moment: what is kept, and the rows since.

create table rollup_today (
    day     date primary key,
    until   timestamptz not null,
    made_at timestamptz not null,
    check (until > day::timestamp at time zone 'UTC' and until <= (day + 1)::timestamp at time zone 'UTC')
);
comment on table rollup_today is 'The day (UTC) that is not over: its hours before `until` are in rollup_click and rollup_today_clicks. One row at most is of use.';

create table rollup_today_clicks (
    day             date not null references rollup_today on delete cascade,
    by              text not null check (by in ('link', 'affiliate', 'vendor', 'product')),
    vendor_id       bigint not null,
    id              bigint not null,
    is_counted      boolean not null,
    human_clicks    bigint not null check (human_clicks >= 0),
    filtered_clicks bigint not null check (filtered_clicks >= 0),
    primary key (day, by, vendor_id, id) include (is_counted, human_clicks, filtered_clicks)
);
create index rollup_today_clicks_first on rollup_today_clicks (day, by, vendor_id, human_clicks, id) include (filtered_clicks, is_counted);
comment on table rollup_today_clicks is 'click_hourly of the kept hours of today, for each link that exists and for each group: of one vendor''s, or (vendor 0) of all. Counted: a group, or a link whose affiliate is switched on.';

-- What is kept of a link, or of a group (of one vendor's links, or (0) of all), in a span and in a day. Postgres puts this into the
-- statements that ask for it.
create function rollup_kept(of_span integer, of_day date, of_by text, of_vendor bigint, of_id bigint)
returns table (human bigint, filtered bigint) language sql stable parallel safe as $$
    select coalesce(sum(human_clicks), 0)::bigint, coalesce(sum(filtered_clicks), 0)::bigint
    from (
        select human_clicks, filtered_clicks from rollup_link
        where of_by = 'link' and span_id = of_span and link_id = of_id
        union all
        select human_clicks, filtered_clicks from rollup_group
        where of_by <> 'link' and span_id = of_span and by = of_by and vendor_id = of_vendor and id = of_id
        union all
        select human_clicks, filtered_clicks from rollup_today_clicks
        where day = of_day and by = of_by and vendor_id = of_vendor and id = of_id
    ) kept
$$;

-- From this hour on nothing is added up, so its changes need no line. `rollup` keeps an hour more away from it, which is longer
-- than any transaction lasts that writes here.
create function rollup_open_hour() returns timestamptz language sql stable parallel safe as $$
    select date_trunc('hour', now() - interval '1 hour', 'UTC')
$$;

-- Says that clicks of these hours change in this transaction.
create function rollup_touch_hours(hours timestamptz[]) returns void language sql volatile as $$
    insert into rollup_stale (kind, day)
    select distinct 'clicks', (hour at time zone 'UTC')::date
    from unnest(hours) as changed (hour)
    where hour < rollup_open_hour()
$$;

-- Of orders, whose days are all that counts. An aggregator from before this migration says days of clicks, and so today may be meant:
-- beside one, today is read row by row.
create or replace function rollup_touch(of_kind text, days date[]) returns void language sql volatile as $$
    insert into rollup_stale (kind, day)
    select distinct of_kind, day
    from unnest(days) as changed (day)
    where day < rollup_open_from() or (of_kind = 'clicks' and day = rollup_open_from())
$$;

create or replace function rollup_touch_links(links bigint[]) returns void language sql volatile as $$
    insert into rollup_stale (kind, day)
    select distinct 'clicks', (hour at time zone 'UTC')::date
    from click_hourly
    where link_id = any (links) and hour < rollup_open_hour()
    union all
    select distinct 'orders', day
    from order_daily
    where link_id = any (links) and day < rollup_open_from()
$$;

-- Whoever rolls a day up, of whatever version, takes over its hours, and lets go of what was kept of them.
create function rollup_today_forget() returns trigger language plpgsql as $$
begin
    delete from rollup_today t
    where exists (select from rolled r where r.kind = 'clicks' and r.day = t.day);
    return null;
end $$;
create trigger rollup_today_forget_new after insert on rollup_day referencing new table as rolled
    for each statement execute function rollup_today_forget();
create trigger rollup_today_forget after update on rollup_day referencing new table as rolled
    for each statement execute function rollup_today_forget();

alter table rollup_today_clicks enable row level security;
alter table rollup_today_clicks force row level security;
create policy programme on rollup_today_clicks to linkledger_aggregator, linkledger_console, linkledger_intake, linkledger_operator,
    linkledger_accounts using (true) with check (true);
create policy vendor on rollup_today_clicks for select to linkledger_vendor using (vendor_id = tenant_vendor());
-- An affiliate's own links are few, and are read themselves; it sees nothing of this.
create policy affiliate on rollup_today_clicks for select to linkledger_affiliate using (false);
grant select, insert, delete on rollup_today, rollup_today_clicks to linkledger_aggregator;
grant select on rollup_today, rollup_today_clicks to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate;
