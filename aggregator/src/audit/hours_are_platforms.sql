with by_hour as (
    select link_id, (hour at time zone 'UTC')::date as day, sum(human_clicks) as clicks
    from click_hourly
    group by link_id, day
    having sum(human_clicks) > 0
),
by_platform as (
    select link_id, day, sum(human_clicks) as clicks
    from click_daily_platform
    group by link_id, day
)
-- Links and days where the two do not agree, or only one of them knows.
select count(*) as "violations!"
from by_hour
full join by_platform using (link_id, day)
where by_hour.clicks is distinct from by_platform.clicks
