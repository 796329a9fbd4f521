-- Today, and where its finished hours end, $1 minutes ago; nothing when they are kept already, in each span that ends where today
-- begins, and none has changed since.
with clock as (
    select ((now() - make_interval(mins => $1)) at time zone 'UTC')::date as day,
           date_trunc('hour', now() - make_interval(mins => $1), 'UTC') as until
)
select day as "day!", until as "until!"
from clock
where until > day::timestamp at time zone 'UTC'
  and not exists (select from rollup_day r where r.kind = 'clicks' and r.day = clock.day) -- a clock that was set back
  and (not exists (select from rollup_today t where t.day = clock.day and t.until = clock.until)
       or exists (select from rollup_stale s where s.kind = 'clicks' and s.day = clock.day)
       or exists (select from rollup_span s
                  where s.to_day = clock.day and not exists (select from rollup_current c where c.span_id = s.span_id)))
