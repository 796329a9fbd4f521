-- The spans that are to be kept now, as far as their days are rolled up: the last 7, 30, 90 and 365 days with
-- today, this month, and the month before. What a console offers (console/src/pages/period.rs). And a span of no day, which is
-- today alone.
-- They end $1 minutes after the end of a day, when it is rolled up; of what came since, finished hours are added on top (now.sql).
with clock as (
    select (now() at time zone 'UTC')::date as today, ((now() - make_interval(mins => $1)) at time zone 'UTC')::date as until
), wanted as (
    select from_day, least(to_day, until) as to_day, until
    from clock
    cross join lateral (
        select today - (days - 1), today from unnest(array[7, 30, 90, 365]) as days
        union all
        select date_trunc('month', today)::date, today
        union all
        select (date_trunc('month', today) - interval '1 month')::date, date_trunc('month', today)::date
        union all
        select until, until
    ) span (from_day, to_day)
)
select from_day as "from_day!", to_day as "to_day!"
from wanted
where from_day < to_day or from_day = until
