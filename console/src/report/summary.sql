-- Clicks of the whole programme in [$1, $2), in buckets of $3 (hour or day, UTC), by the index on hour.
select date_trunc($3, hour, 'UTC') as "start!",
       sum(human_clicks)::bigint as "human_clicks!",
       sum(filtered_clicks)::bigint as "filtered_clicks!"
from click_hourly
where hour >= $1 and hour < $2
group by date_trunc($3, hour, 'UTC')
order by date_trunc($3, hour, 'UTC')
