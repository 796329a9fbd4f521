-- Adds clicks to the hours they fell in. Keys come sorted and each once.
insert into click_hourly as counted (link_id, hour, human_clicks, filtered_clicks)
select link_id, hour, human, filtered
from unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[]) as added (link_id, hour, human, filtered)
on conflict (link_id, hour) do update
set human_clicks = counted.human_clicks + excluded.human_clicks,
    filtered_clicks = counted.filtered_clicks + excluded.filtered_clicks
