-- Rankings and reports read an hour of rows, not three: an hour of clicks, and a day of them, is added up twenty minutes after its
-- end, and not two hours.
--
-- What is not said of a change must have been committed when it is added up. `rollup` stays five minutes away from what goes
-- unsaid, and a change says so at its end: after that, Postgres lets an aggregator take 60 seconds for each of two statements, and
-- 30 between them.

-- Whoever changes clicks now has decided by the hour of before what to say; it is waited for.
lock table affiliate, link, click_hourly in share mode;

-- From this hour on nothing is added up, so its changes need no line. By the clock, and not by when the transaction began.
create or replace function rollup_open_hour() returns timestamptz language sql volatile parallel safe as $$
    select date_trunc('hour', clock_timestamp() - interval '15 minutes', 'UTC')
$$;

-- A sum of bigints that is one. Postgres' own is a numeric: it allocates for each group, which is most of what it takes to rank as
-- many affiliates as there are orders. Too large a sum is an error.
create aggregate total(bigint) (sfunc = int8pl, stype = bigint, initcond = '0', combinefunc = int8pl, parallel = safe);
