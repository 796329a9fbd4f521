-- Clicks of the links $1 in [$2, $3), in buckets of $4 (hour, day, week or month, UTC), by the primary key. Hours are put into days
-- first: what truncates to a calendar looks the time zone up for each row.
with counted as (
    select link_id,
           date_bin(case $4::text when 'hour' then interval '1 hour' else interval '1 day' end, hour, '2000-01-01T00:00Z') as start,
           sum(human_clicks) as human,
           sum(filtered_clicks) as filtered
    from click_hourly
    where link_id = any($1) and hour >= $2 and hour < $3
    group by 1, 2
)
select link_id as "link_id!",
       date_trunc($4, start, 'UTC') as "start!",
       sum(human)::bigint as "human_clicks!",
       sum(filtered)::bigint as "filtered_clicks!"
from counted
group by link_id, date_trunc($4, start, 'UTC')
order by link_id, date_trunc($4, start, 'UTC')
