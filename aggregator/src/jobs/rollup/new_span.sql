-- A span of the days [$1, $2), if all of them are rolled up. It gets the smallest number that is free: what Postgres knows of a
-- number's rows, from when it last looked, is then about right; of a number it never saw it would guess that there are none.
insert into rollup_span (span_id, from_day, to_day, made_at)
overriding system value
select (select min(n)
        from generate_series(1, (select count(*) + 1 from rollup_span)) as free (n)
        where not exists (select from rollup_span s where s.span_id = free.n)),
       $1, $2, now()
where not exists (select from rollup_open('clicks', $1, $2))
on conflict do nothing
returning span_id
