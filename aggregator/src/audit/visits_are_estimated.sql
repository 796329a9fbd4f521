-- Links and days with human clicks but without a sketch, or with one that saw nobody.
select count(*) as "violations!"
from (
    select distinct link_id, (hour at time zone 'UTC')::date as day
    from click_hourly
    where human_clicks > 0
) as clicked
left join visit_daily as v using (link_id, day)
where coalesce(v.estimate, 0) = 0
