-- One group role for each service, with no more than it needs. Login users are members of these.
-- Roles belong to the cluster: another database in it may have made them, even this very moment.
do $$
declare
    service text;
begin
    foreach service in array array['linkledger_aggregator', 'linkledger_console'] loop
        begin
            execute format('create role %I nologin nosuperuser nobypassrls', service);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end $$;

grant select on vendor, affiliate, product, link, link_published, installation to linkledger_aggregator;
grant update (version) on link to linkledger_aggregator; -- to publish it anew after a restored backup
grant select, insert, delete, update on link_change to linkledger_aggregator; -- update: select for update
grant select, insert, update on flush_partition, flush_watermark, click_hourly, click_daily_platform, click_daily_origin,
    visit_daily to linkledger_aggregator;
grant select, insert, delete on flush_batch to linkledger_aggregator;

grant select on vendor, affiliate, product, link, click_hourly, click_daily_platform, click_daily_origin, visit_daily,
    vocabulary, flush_partition, flush_watermark, flush_batch, installation to linkledger_console;
