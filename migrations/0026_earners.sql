-- Who earned most, in milliseconds: who comes first by orders and money over the usual spans is kept as well, as clicks are
-- (migration 17).
--
-- Orders of old days change all the time, so a span is not let go of when a day of orders does. What was added up of each day is
-- kept beside it: when the day is rolled up anew, the difference goes into every span it lies in, in the same commit; and whoever
-- reads a day that has changed since takes that away and reads the rows. So a ranking is exact at any moment.

create table rollup_sale (
    day              date not null,
    link_id          bigint not null,
    currency         text not null,
    vendor_id        bigint not null,
    affiliate_id     bigint not null,
    product_id       bigint not null,
    orders           bigint not null,
    revenue_minor    bigint not null,
    commission_minor bigint not null,
    primary key (day, link_id, currency)
);
comment on table rollup_sale is 'The rows of order_daily that were added up of each rolled-up day: of affiliates that are switched on. Product 0: a link to a shop as a whole.';

create table rollup_earning (
    span_id integer primary key references rollup_span on delete cascade
);
comment on table rollup_earning is 'Spans that have what was earned in rollup_earner.';

create table rollup_earner (
    span_id          integer not null references rollup_earning on delete cascade,
    by               text not null check (by in ('affiliate', 'product', 'link')),
    vendor_id        bigint not null,
    id               bigint not null,
    currency         text not null,
    lines            bigint not null,
    orders           bigint not null,
    revenue_minor    bigint not null,
    commission_minor bigint not null,
    primary key (span_id, by, vendor_id, id, currency) include (orders)
);
create index rollup_earner_revenue on rollup_earner (span_id, by, vendor_id, currency, revenue_minor, id);
create index rollup_earner_commission on rollup_earner (span_id, by, vendor_id, currency, commission_minor, id);
create index rollup_earner_nothing on rollup_earner (span_id) where lines = 0;
comment on table rollup_earner is 'rollup_sale, added up over a kept span for each affiliate, product and link: of one vendor''s, and (vendor 0) of all. Lines: how many rows that is.';

-- An aggregator from before rolls days up without any of this. What was kept of them goes, and they are to be done again.
create function rollup_sale_forget() returns trigger language plpgsql as $$
begin
    if current_setting('app.keeps_sales', true) = 'on' then
        return null;
    end if;
    delete from rollup_earning e
    using rollup_span s, rolled r
    where s.span_id = e.span_id and r.kind = 'orders' and r.day >= s.from_day and r.day < s.to_day;
    delete from rollup_sale o using rolled r where r.kind = 'orders' and o.day = r.day;
    insert into rollup_stale (kind, day) select kind, day from rolled where kind = 'orders';
    return null;
end $$;
create trigger rollup_sale_forget_new after insert on rollup_day referencing new table as rolled
    for each statement execute function rollup_sale_forget();
create trigger rollup_sale_forget after update on rollup_day referencing new table as rolled
    for each statement execute function rollup_sale_forget();
insert into rollup_stale (kind, day) select kind, day from rollup_day where kind = 'orders';

do $$
declare
    kept text;
begin
    foreach kept in array array['rollup_sale', 'rollup_earner'] loop
        execute format('alter table %I enable row level security', kept);
        execute format('alter table %I force row level security', kept);
        execute format('create policy programme on %I to linkledger_aggregator, linkledger_console, linkledger_intake, '
                       'linkledger_operator, linkledger_accounts using (true) with check (true)', kept);
        execute format('create policy vendor on %I for select to linkledger_vendor using (vendor_id = tenant_vendor())', kept);
        -- An affiliate's own links are few, and are read themselves; it sees nothing of this.
        execute format('create policy affiliate on %I for select to linkledger_affiliate using (false)', kept);
        execute format('grant select, insert, update, delete on %I to linkledger_aggregator', kept);
        execute format('grant select on %I to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate', kept);
    end loop;
end $$;
grant select, insert, delete on rollup_earning to linkledger_aggregator;
grant select on rollup_earning to linkledger_console, linkledger_operator, linkledger_vendor, linkledger_affiliate;
