-- The links clicked in [$1, $2), most clicks first, newest first among equals, after the place ($5 clicks, link $6).
-- As in group_clicks.sql: the span $8 and the day $11 keep what was clicked before $9, and without them all is read by row; an
-- affiliate's own links ($10) are read by the primary key. $12: the vendor whose links these are, or 0.
with since as (
    select link_id, sum(case when $3 then human else filtered end)::bigint as clicks
    from (
        select link_id, human_clicks as human, filtered_clicks as filtered
        from click_hourly
        where not $10::boolean and hour >= $9::timestamptz and hour < $2
        union all
        select id, human_clicks, filtered_clicks
        from rollup_today_clicks
        where not $10 and day = $11::date and by = 'link' and vendor_id = $12::bigint
        union all
        select link_id, human_clicks, filtered_clicks
        from click_hourly
        where $10
          and link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
          and hour >= $1
          and hour < $2
    ) today
    group by link_id
), kept as (
    select k.link_id, case when $3 then k.human_clicks else k.filtered_clicks end as clicks
    from rollup_link k
    join link l using (link_id)
    where not $10
      and k.span_id = $8::integer
      and starts_with(l.code, $4)
      and (case when $3 then k.human_clicks else k.filtered_clicks end, k.link_id) < ($5, $6)
      and k.link_id not in (select link_id from since)
    order by case when $3 then k.human_clicks else k.filtered_clicks end desc, k.link_id desc
    limit $7
), clicked as (
    select link_id, clicks from kept
    union all
    select s.link_id, s.clicks + coalesce(case when $3 then k.human_clicks else k.filtered_clicks end, 0)
    from since s
    left join rollup_link k on k.span_id = $8 and k.link_id = s.link_id
), possible as (
    -- As many as there is room for have at least so many clicks: whoever has fewer need not be looked up.
    select link_id, clicks
    from clicked
    where clicks >= (select case when count(*) = $7 then min(clicks) else 0 end from kept)
)
select c.link_id as "link_id!", c.clicks as "clicks!"
from possible c
join link l using (link_id) -- a deleted link has clicks, but no place in the list
where starts_with(l.code, $4) and (c.clicks, c.link_id) < ($5, $6)
order by c.clicks desc, c.link_id desc
limit $7
