-- Clicks of the links $1 in [$2, $3), in buckets of $4 (hour, day, week or month, UTC), by the primary key.
select link_id,
       date_trunc($4, hour, 'UTC') as "start!",
       sum(human_clicks)::bigint as "human_clicks!",
       sum(filtered_clicks)::bigint as "filtered_clicks!"
from click_hourly
where link_id = any($1) and hour >= $2 and hour < $3
group by link_id, date_trunc($4, hour, 'UTC')
order by link_id, date_trunc($4, hour, 'UTC')
