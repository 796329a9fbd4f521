-- Days of $1 that have been over for $2 minutes and are to be rolled up, as spans: those of the last $3 days that never were,
-- and those that changed since. Newest first.
with span as (select ((now() - make_interval(mins => $2)) at time zone 'UTC')::date as until)
select open.begins as "begins!", open.ends as "ends!"
from span
cross join lateral rollup_open($1, span.until - $3::integer, span.until) as open
order by open.begins desc
