-- Kept hours of today whose clicks are not those of their rows, for each vendor and (0) for the programme; and links, or groups of
-- some kind, of a current span that do not add up to them and to what the span has of the same links or groups. A day or a span
-- with a stale line says nothing.
with today as (
    select day, day::timestamp at time zone 'UTC' as begins, until
    from rollup_today t
    where not exists (select from rollup_stale o where o.kind = 'clicks' and o.day = t.day)
),
span as (
    select s.span_id
    from rollup_span s
    join rollup_current c using (span_id)
    join today using (day)
    where not exists (select from rollup_stale o where o.kind = 'clicks' and o.day >= s.from_day and o.day < s.to_day)
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
kind as (
    select by from (values ('link'), ('affiliate'), ('vendor'), ('product')) kind (by)
),
hours as (
    select kind.by, vendor_id, sum(human) as human, sum(filtered) as filtered
    from by_row
    cross join kind
    where vendor_id <> 0 -- 0 has the clicks of deleted links too
    group by kind.by, vendor_id
    union all
    select kind.by, 0, sum(human), sum(filtered)
    from by_row
    cross join kind
    where vendor_id <> 0
    group by kind.by
),
kept as (
    select n.span_id, n.by, n.vendor_id, sum(n.human_clicks) as human, sum(n.filtered_clicks) as filtered,
           sum(coalesce(l.human_clicks, g.human_clicks, 0)) as human_before,
           sum(coalesce(l.filtered_clicks, g.filtered_clicks, 0)) as filtered_before
    from rollup_now n
    join span using (span_id)
    left join rollup_link l on n.by = 'link' and l.span_id = n.span_id and l.link_id = n.id
    left join rollup_group g
        on n.by <> 'link' and g.span_id = n.span_id and g.by = n.by and g.vendor_id = n.vendor_id and g.id = n.id
    where n.is_counted
    group by n.span_id, n.by, n.vendor_id
)
select (
    select count(*)
    from by_row
    full join rolled using (vendor_id, hour)
    where (by_row.human, by_row.filtered) is distinct from (rolled.human_clicks::numeric, rolled.filtered_clicks::numeric)
) + (
    select count(*)
    from (select span.span_id, hours.* from span cross join hours) wanted
    full join kept using (span_id, by, vendor_id)
    where (wanted.human, wanted.filtered)
        is distinct from (kept.human - kept.human_before, kept.filtered - kept.filtered_before)
) as "violations!"
