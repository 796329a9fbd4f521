-- Clicks in [$2, $3) on the links of the affiliates $1: links by affiliate, then each one's hours by the primary key.
select l.affiliate_id,
       sum(c.human_clicks)::bigint as "human_clicks!",
       sum(c.filtered_clicks)::bigint as "filtered_clicks!"
from link l
join click_hourly c using (link_id)
where l.affiliate_id = any($1) and c.hour >= $2 and c.hour < $3
group by l.affiliate_id
