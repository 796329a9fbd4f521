-- One group role for each service, with no more than it needs. Login users are members of these.
do $$
begin
    if not exists (select from pg_roles where rolname = 'linkledger_aggregator') then
        create role linkledger_aggregator nologin nosuperuser nobypassrls;
    end if;
    if not exists (select from pg_roles where rolname = 'linkledger_console') then
        create role linkledger_console nologin nosuperuser nobypassrls;
    end if;
end $$;

grant select on vendor, affiliate, product, link, link_published, installation to linkledger_aggregator;
grant select, delete, update on link_change to linkledger_aggregator; -- update: select for update
grant select, insert, update on flush_partition, flush_watermark, click_hourly, click_daily_platform, click_daily_origin,
    visit_daily to linkledger_aggregator;
grant select, insert, delete on flush_batch to linkledger_aggregator;

grant select on vendor, affiliate, product, link, click_hourly, click_daily_platform, click_daily_origin, visit_daily,
    vocabulary, flush_partition, flush_watermark, flush_batch, installation to linkledger_console;
