-- The kept span that begins on $1 and ends at most three days before $2: today, and in its first hours the day before, are
-- read row by row. None when one of its days has changed since.
-- And whose groups the caller reads: told beforehand, as Postgres only then takes the first few of an index.
select coalesce(tenant_vendor(), 0) as "vendor_id!", kept.span_id as "span_id?", kept.to_day as "to_day?"
from (values (true)) as always
left join lateral (
    select span_id, to_day
    from rollup_span s
    where from_day = $1
      and to_day <= $2
      and to_day > $2 - 3
      and not exists (select from rollup_stale o where o.kind = 'clicks' and o.day >= s.from_day and o.day < s.to_day)
    order by to_day desc
    limit 1
) kept on true
