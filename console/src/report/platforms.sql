-- Human clicks of link $1 on the days [$2, $3) by what people hold, by the primary key.
select device, browser, os, sum(human_clicks)::bigint as "human_clicks!"
from click_daily_platform
where link_id = $1 and day >= $2 and day < $3
group by device, browser, os
