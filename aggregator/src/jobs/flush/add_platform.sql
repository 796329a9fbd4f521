-- Adds human clicks to what people held. Keys come sorted and each once.
insert into click_daily_platform as counted (link_id, day, device, browser, os, human_clicks)
select link_id, day, device, browser, os, human
from unnest($1::bigint[], $2::date[], $3::smallint[], $4::smallint[], $5::smallint[], $6::bigint[])
    as added (link_id, day, device, browser, os, human)
on conflict (link_id, day, device, browser, os) do update
set human_clicks = counted.human_clicks + excluded.human_clicks
