-- The links clicked in [$1, $2), most human ($3) or filtered clicks first, newest first among equals, after the place ($5 clicks,
-- link $6), whose codes begin with $4; $7 at most.
-- As in group_clicks.sql: the span $8 and the day $11 keep what was clicked before $9, and without them all is read by row; an
-- affiliate's own links ($10) are read by the primary key. $12: the vendor whose links these are, or 0. The first of the span and
-- the first of the day are looked up in each other; whoever is in neither lacks so many clicks that half of them must be of the
-- day, or have come since.
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
    -- Of whoever is not on a page before, with what came since.
    select k.link_id, case when $3 then k.human_clicks else k.filtered_clicks end as clicks
    from rollup_link k
    join link l using (link_id)
    where not $10
      and k.span_id = $8::integer
      and starts_with(l.code, $4)
      and (case when $3 then k.human_clicks else k.filtered_clicks end, k.link_id) < ($5, $6)
      and (
          (select case when $3 then r.human else r.filtered end from rollup_kept($8, $11, 'link', $12, k.link_id) r)
          + coalesce((select s.clicks from since s where s.link_id = k.link_id), 0),
          k.link_id
      ) < ($5, $6)
    order by case when $3 then k.human_clicks else k.filtered_clicks end desc, k.link_id desc
    limit $7
), first as (
    select link_id from kept
    union
    (select k.id
     from rollup_today_clicks k
     join link l on l.link_id = k.id
     where not $10
       and k.day = $11::date
       and k.by = 'link'
       and k.vendor_id = $12::bigint
       and starts_with(l.code, $4)
       and (case when $3 then k.human_clicks else k.filtered_clicks end, k.id) < ($5, $6)
     order by case when $3 then k.human_clicks else k.filtered_clicks end desc, k.id desc
     limit $7)
), bar as (
    -- From this many clicks on, of the day or since, somebody in neither list may have as many as the last on the page.
    select (coalesce((
        select total.clicks
        from first f
        left join since s using (link_id)
        cross join lateral rollup_kept($8, $11, 'link', $12, f.link_id) k
        cross join lateral (
            select case when $3 then k.human else k.filtered end + coalesce(s.clicks, 0) as clicks
        ) total
        where (total.clicks, f.link_id) < ($5, $6)
        order by total.clicks desc
        offset $7 - 1
        limit 1
    ), 0) - coalesce((select min(clicks) from kept having count(*) = $7), 0)) / 2 as clicks
), candidate as (
    select link_id from first
    union
    select s.link_id from since s, bar where s.clicks >= bar.clicks
    union
    select t.id
    from bar
    cross join lateral (
        select id
        from rollup_today_clicks k
        where not $10
          and k.day = $11
          and k.by = 'link'
          and k.vendor_id = $12
          and case when $3 then k.human_clicks else k.filtered_clicks end >= bar.clicks
    ) t
)
select c.link_id as "link_id!", total.clicks as "clicks!"
from candidate c
join link l using (link_id) -- a deleted link has clicks, but no place in the list
left join since s using (link_id)
cross join lateral rollup_kept($8, $11, 'link', $12, c.link_id) k
cross join lateral (select case when $3 then k.human else k.filtered end + coalesce(s.clicks, 0) as clicks) total
where starts_with(l.code, $4) and (total.clicks, c.link_id) < ($5, $6)
order by total.clicks desc, c.link_id desc
limit $7
