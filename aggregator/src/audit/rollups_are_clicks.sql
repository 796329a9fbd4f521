-- Hours of rolled-up days whose clicks are not those of their rows.
with closed as (
    select day from rollup_day r
    where kind = 'clicks' and not exists (select from rollup_stale s where s.kind = r.kind and s.day = r.day)
),
by_row as (
    select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end as vendor_id, c.hour,
           sum(c.human_clicks) as human, sum(c.filtered_clicks) as filtered
    from click_hourly c
    left join link l using (link_id)
    left join affiliate a using (affiliate_id)
    where coalesce(a.is_active, true) and (c.hour at time zone 'UTC')::date in (select day from closed)
    group by grouping sets ((l.vendor_id, c.hour), (c.hour))
    having grouping(l.vendor_id) = 1 or l.vendor_id is not null
),
rolled as (
    select vendor_id, hour, human_clicks, filtered_clicks
    from rollup_click
    where (hour at time zone 'UTC')::date in (select day from closed)
)
select count(*) as "violations!"
from by_row
full join rolled using (vendor_id, hour)
where (by_row.human, by_row.filtered) is distinct from (rolled.human_clicks::numeric, rolled.filtered_clicks::numeric)
