-- The links clicked in [$1, $2), most clicks first, after the place ($5 clicks, link $6).
-- clicked: one sum per link over the span, by the index on hour.
with clicked as (
    select link_id, sum(case when $3 then human_clicks else filtered_clicks end)::bigint as clicks
    from click_hourly
    where hour >= $1 and hour < $2
    group by link_id
)
select c.link_id as "link_id!", c.clicks as "clicks!"
from clicked c
join link l using (link_id) -- a deleted link has clicks, but no place in the list
where starts_with(l.code, $4) and (c.clicks, c.link_id) < ($5, $6)
order by c.clicks desc, c.link_id desc
limit $7
