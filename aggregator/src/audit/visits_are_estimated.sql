-- Links and days with human clicks but without a sketch, or with one that saw nobody. Added up and not joined: Postgres, which
-- knows nothing yet of rows that have just been brought in, would look each day up in all of the sketches.
select count(*) as "violations!"
from (
    select link_id, day
    from (
        select link_id, (hour at time zone 'UTC')::date as day, human_clicks, 0 as estimate from click_hourly
        union all
        select link_id, day, 0, estimate from visit_daily
    ) as seen
    group by link_id, day
    having sum(human_clicks) > 0 and max(estimate) = 0
) as missing
