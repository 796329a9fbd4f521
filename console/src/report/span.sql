-- What is known of the days [$1, $2) before they are read: for whom, and which of them were not rolled up or have changed
-- since. And the kept span that begins on $1 and ends at most three days before the end of the range, $3; none when one of its
-- days has changed since; and whether it is current, which is to say that the kept hours of today are added on top, and whether it has
-- what was earned. And where those hours end, if they lie in the range; none when one has changed since.
with day as (
    select d.day::date as day
    from generate_series($1::date::timestamp, $2::date::timestamp - interval '1 day', interval '1 day') d (day)
)
select tenant_affiliate() is not null as "is_own!",
       coalesce(tenant_vendor(), 0) as "vendor_id!",
       array(
           select day from day
           where not exists (select from rollup_day r where r.kind = 'clicks' and r.day = day.day)
              or exists (select from rollup_stale s where s.kind = 'clicks' and s.day = day.day)
           order by day
       ) as "clicks!",
       array(
           select day from day
           where not exists (select from rollup_day r where r.kind = 'orders' and r.day = day.day)
              or exists (select from rollup_stale s where s.kind = 'orders' and s.day = day.day)
           order by day
       ) as "orders!",
       kept.span_id as "span_id?",
       kept.to_day as "to_day?",
       kept.is_current as "is_current?",
       kept.is_earned as "is_earned?",
       today.day as "today?",
       today.until as "until?"
from (values (true)) as always
left join lateral (
    select span_id, to_day, exists (select from rollup_current c where c.span_id = s.span_id) as is_current,
           exists (select from rollup_earning e where e.span_id = s.span_id) as is_earned
    from rollup_span s
    where from_day = $1
      and to_day <= ($3::timestamptz at time zone 'UTC')::date
      and to_day > ($3 at time zone 'UTC')::date - 3
      and not exists (select from rollup_stale o where o.kind = 'clicks' and o.day >= s.from_day and o.day < s.to_day)
    order by to_day desc
    limit 1
) kept on true
left join lateral (
    select day, until
    from rollup_today t
    where day >= $1
      and until <= $3
      and not exists (select from rollup_stale o where o.kind = 'clicks' and o.day = t.day)
    order by day desc
    limit 1
) today on true
