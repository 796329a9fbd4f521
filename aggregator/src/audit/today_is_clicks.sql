-- Kept hours of today whose clicks are not those of their rows, for each vendor and (0) for the programme; and links, or groups of
-- some kind, that do not add up to them. A day with a stale line says nothing.
with today as (
    select day, day::timestamp at time zone 'UTC' as begins, until
    from rollup_today t
    where not exists (select from rollup_stale o where o.kind = 'clicks' and o.day = t.day)
),
by_row as (
    select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end as vendor_id, c.hour,
           sum(c.human_clicks) as human, sum(c.filtered_clicks) as filtered
    from today
    join click_hourly c on c.hour >= today.begins and c.hour < today.until
    left join link l using (link_id)
    left join affiliate a using (affiliate_id)
    where coalesce(a.is_active, true)
    group by grouping sets ((l.vendor_id, c.hour), (c.hour))
    having grouping(l.vendor_id) = 1 or l.vendor_id is not null
),
rolled as (
    select r.vendor_id, r.hour, r.human_clicks, r.filtered_clicks
    from today
    join rollup_click r on r.hour >= today.begins
),
wanted as (
    select kind.by, vendor_id, sum(human) as human, sum(filtered) as filtered
    from by_row
    cross join (values ('link'), ('affiliate'), ('vendor'), ('product')) kind (by)
    where vendor_id <> 0 -- 0 has the clicks of deleted links too
    group by kind.by, vendor_id
    union all
    select kind.by, 0, sum(human), sum(filtered)
    from by_row
    cross join (values ('link'), ('affiliate'), ('vendor'), ('product')) kind (by)
    where vendor_id <> 0
    group by kind.by
),
kept as (
    select by, vendor_id, sum(human_clicks) as human, sum(filtered_clicks) as filtered
    from rollup_today_clicks
    join today using (day)
    where is_counted
    group by by, vendor_id
)
select (
    select count(*)
    from by_row
    full join rolled using (vendor_id, hour)
    where (by_row.human, by_row.filtered) is distinct from (rolled.human_clicks::numeric, rolled.filtered_clicks::numeric)
) + (
    select count(*)
    from wanted
    full join kept using (by, vendor_id)
    where (wanted.human, wanted.filtered) is distinct from (kept.human, kept.filtered)
) as "violations!"
