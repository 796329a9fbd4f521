-- Adds human clicks to where people came from. Keys come sorted and each once.
insert into click_daily_origin as counted (link_id, day, country, channel, human_clicks)
select link_id, day, country, channel, human
from unnest($1::bigint[], $2::date[], $3::smallint[], $4::smallint[], $5::bigint[])
    as added (link_id, day, country, channel, human)
on conflict (link_id, day, country, channel) do update
set human_clicks = counted.human_clicks + excluded.human_clicks
