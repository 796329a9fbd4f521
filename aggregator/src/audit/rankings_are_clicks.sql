-- Kept spans whose links, or groups of some kind, do not add up to the clicks of their hours, for each vendor and (0) all of
-- them. Hours are rollup_click's, which rollups_are_clicks.sql compares with the rows. A span with a stale day says nothing.
with span as (
    select span_id, from_day, to_day
    from rollup_span s
    where not exists (select from rollup_stale o where o.kind = 'clicks' and o.day >= s.from_day and o.day < s.to_day)
),
by_hour as (
    select s.span_id, h.vendor_id, sum(h.human_clicks) as human, sum(h.filtered_clicks) as filtered
    from span s
    join rollup_click h on h.hour >= s.from_day::timestamp at time zone 'UTC' and h.hour < s.to_day::timestamp at time zone 'UTC'
    where h.vendor_id <> 0 -- 0 has the clicks of deleted links too
    group by s.span_id, h.vendor_id
),
wanted as (
    select span_id, kind.by, vendor_id, human, filtered
    from by_hour
    cross join (values ('link'), ('affiliate'), ('vendor'), ('product')) kind (by)
    union all
    select span_id, kind.by, 0, sum(human), sum(filtered)
    from by_hour
    cross join (values ('affiliate'), ('vendor'), ('product')) kind (by)
    group by span_id, kind.by
),
kept as (
    select span_id, 'link' as by, vendor_id, sum(human_clicks) as human, sum(filtered_clicks) as filtered
    from rollup_link join span using (span_id)
    where is_counted
    group by span_id, vendor_id
    union all
    select span_id, by, vendor_id, sum(human_clicks), sum(filtered_clicks)
    from rollup_group join span using (span_id)
    group by span_id, by, vendor_id
)
select count(*) as "violations!"
from wanted
full join kept using (span_id, by, vendor_id)
where (wanted.human, wanted.filtered) is distinct from (kept.human, kept.filtered)
