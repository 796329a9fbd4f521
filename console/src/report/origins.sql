-- Human clicks of link $1 on the days [$2, $3) by where people come from, by the primary key.
select country, channel, sum(human_clicks)::bigint as "human_clicks!"
from click_daily_origin
where link_id = $1 and day >= $2 and day < $3
group by country, channel
