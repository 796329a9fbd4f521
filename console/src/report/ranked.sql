-- The links clicked in [$1, $2), most human ($3) or filtered clicks first, newest first among equals, after the place ($5 clicks,
-- link $6), whose codes begin with $4; $7 at most.
-- As in group_clicks.sql: the span $8 keeps what was clicked until today, the span $11 with the finished hours of today, until $9.
-- Without them all is read by row; an affiliate's own links ($10) are read by the primary key. $12: the vendor whose links these
-- are, or 0. Whoever is in neither list of the first lacks so many clicks that they must have come since.
with since as (
    select link_id, sum(case when $3 then human_clicks else filtered_clicks end)::bigint as clicks
    from click_hourly
    where not $10::boolean and hour >= $9::timestamptz and hour < $2
    group by link_id
    union all
    select link_id, sum(case when $3 then human_clicks else filtered_clicks end)::bigint
    from click_hourly
    where $10
      and link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and hour >= $1
      and hour < $2
    group by link_id
), kept as (
    -- Of whoever is not on a page before, with what came later.
    select k.link_id, case when $3 then k.human_clicks else k.filtered_clicks end as clicks
    from rollup_link k
    join link l using (link_id)
    where not $10
      and k.span_id = $8::integer
      and starts_with(l.code, $4)
      and (case when $3 then k.human_clicks else k.filtered_clicks end, k.link_id) < ($5, $6)
      and (
          (select case when $3 then t.human else t.filtered end from rollup_total($8, $11, 'link', $12, k.link_id) t)
          + coalesce((select s.clicks from since s where s.link_id = k.link_id), 0),
          k.link_id
      ) < ($5, $6)
    order by case when $3 then k.human_clicks else k.filtered_clicks end desc, k.link_id desc
    limit $7
), now as (
    select n.id as link_id, case when $3 then n.human_clicks else n.filtered_clicks end as clicks
    from rollup_now n
    join link l on l.link_id = n.id
    where not $10
      and n.span_id = $11::integer
      and n.by = 'link'
      and n.vendor_id = $12::bigint
      and starts_with(l.code, $4)
      and (case when $3 then n.human_clicks else n.filtered_clicks end, n.id) < ($5, $6)
      and (
          case when $3 then n.human_clicks else n.filtered_clicks end
          + coalesce((select s.clicks from since s where s.link_id = n.id), 0),
          n.id
      ) < ($5, $6)
    order by case when $3 then n.human_clicks else n.filtered_clicks end desc, n.id desc
    limit $7
), first as (
    select f.link_id, case when $3 then t.human else t.filtered end + coalesce(s.clicks, 0) as clicks
    from (select link_id from kept union select link_id from now) f
    left join since s using (link_id)
    cross join lateral rollup_total($8, $11, 'link', $12, f.link_id) t
), bar as materialized (
    -- From this many clicks since on, somebody in neither list may have as many as the last on the page.
    select coalesce((select clicks from first order by clicks desc offset $7 - 1 limit 1), 0)
           - greatest(
               (select min(clicks) from kept having count(*) = $7),
               (select min(clicks) from now having count(*) = $7),
               0
           ) as clicks
), clicked as (
    select link_id, clicks from first
    union
    select s.link_id, case when $3 then t.human else t.filtered end + s.clicks
    from since s
    join bar on s.clicks >= bar.clicks
    cross join lateral rollup_total($8, $11, 'link', $12, s.link_id) t
)
select c.link_id as "link_id!", c.clicks as "clicks!"
from clicked c
join link l using (link_id) -- a deleted link has clicks, but no place in the list
where starts_with(l.code, $4) and (c.clicks, c.link_id) < ($5, $6)
order by c.clicks desc, c.link_id desc
limit $7
