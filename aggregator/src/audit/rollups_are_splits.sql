-- Splits of rolled-up days that do not add up to the day's human clicks.
with closed as (
    select day from rollup_day r
    where kind = 'clicks' and not exists (select from rollup_stale s where s.kind = r.kind and s.day = r.day)
),
clicked as (
    select vendor_id, (hour at time zone 'UTC')::date as day, sum(human_clicks) as human
    from rollup_click
    where (hour at time zone 'UTC')::date in (select day from closed)
    group by 1, 2
),
split as (
    select vendor_id, day, split, sum(human_clicks) as human
    from rollup_split
    where day in (select day from closed)
    group by vendor_id, day, split
)
select count(*) as "violations!"
from clicked
cross join (values ('device'), ('browser'), ('os'), ('country'), ('channel')) as every (split)
full join split using (vendor_id, day, split)
where coalesce(clicked.human, 0) <> coalesce(split.human, 0)
