-- Clicks in [$1, $2) by each of $4: affiliate, vendor, product or link. Of each the first $6 with the most human ($5) or filtered
-- clicks; or those named in $8, whether clicked or not. Affiliates that are switched off are left out, as in summary.sql.
-- The span $7 keeps what was clicked until today (migration 17), and the day $11 the finished hours of today (migration 21).
-- What came since, from $3 on, is few rows, which are read once for all of $4. Without either, $3 is $1 and all is read by row.
-- $9: the vendor whose groups these are, or 0. $10: an affiliate reads its own links, which are few, by the primary key.
-- For the first few; group_clicks_all.sql is for very many. The first of each list are looked up in the others. Whoever is in none
-- of the first lacks so many clicks that half of them must be today's, or have come since.
with counted as (
    select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
    from click_hourly
    where not $10::boolean and hour >= $3 and hour < $2
    group by link_id
    union all
    select link_id, sum(human_clicks)::bigint, sum(filtered_clicks)::bigint
    from click_hourly
    where $10
      and link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and hour >= $1
      and hour < $2
    group by link_id
), recent as (
    select case when grouping(l.link_id) = 0 then 'link' when grouping(l.affiliate_id) = 0 then 'affiliate'
                when grouping(l.vendor_id) = 0 then 'vendor' else 'product' end as by,
           coalesce(l.link_id, l.affiliate_id, l.vendor_id, l.product_id, 0) as id,
           sum(c.human)::bigint as human, sum(c.filtered)::bigint as filtered
    from counted c
    join link l using (link_id)
    where $10 or not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active)
    group by grouping sets ((l.link_id), (l.affiliate_id), (l.vendor_id), (l.product_id))
    having case when grouping(l.link_id) = 0 then 'link' when grouping(l.affiliate_id) = 0 then 'affiliate'
                when grouping(l.vendor_id) = 0 then 'vendor' else 'product' end = any ($4::text[])
), kept as (
    (select 'link' as by, link_id as id, case when $5::boolean then human_clicks else filtered_clicks end as clicks
     from rollup_link
     where not $10 and $8::bigint[] is null and 'link' = any ($4) and span_id = $7::integer and is_counted
     order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, link_id desc
     limit $6)
    union all
    select asked.by, g.id, g.clicks
    from unnest($4) as asked (by)
    cross join lateral (
        select id, case when $5 then human_clicks else filtered_clicks end as clicks
        from rollup_group k
        where not $10 and $8 is null and k.span_id = $7 and k.by = asked.by and k.vendor_id = $9::bigint
        order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, id desc
        limit $6
    ) g
), first as (
    select by, id from kept
    union
    select asked.by, t.id
    from unnest($4) as asked (by)
    cross join lateral (
        select id
        from rollup_today_clicks k
        where not $10 and $8 is null and k.day = $11::date and k.by = asked.by and k.vendor_id = $9 and k.is_counted
        order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, id desc
        limit $6
    ) t
), bar as (
    -- From this many clicks on, today or since, somebody in none of the lists may be among the first: half of what is between
    -- the last of the first ones, who have come so far without what came since, and the last in the span.
    select asked.by,
           (coalesce((
               select case when $5 then k.human else k.filtered end as clicks
               from first f
               cross join lateral rollup_kept($7, $11, f.by, $9, f.id) k
               where f.by = asked.by
               order by clicks desc
               offset $6 - 1
               limit 1
           ), 0) - coalesce((select min(k.clicks) from kept k where k.by = asked.by having count(*) = $6), 0)) / 2 as clicks
    from unnest($4) as asked (by)
), candidate as (
    select by, id from first
    union
    select r.by, r.id
    from recent r
    join bar using (by)
    where $8 is null and case when $5 then r.human else r.filtered end >= bar.clicks
    union
    select bar.by, t.id
    from bar
    cross join lateral (
        select id
        from rollup_today_clicks k
        where not $10 and $8 is null and k.day = $11 and k.by = bar.by and k.vendor_id = $9 and k.is_counted
          and case when $5 then k.human_clicks else k.filtered_clicks end >= bar.clicks
    ) t
    union
    select asked.by, named.id from unnest($4) as asked (by), unnest($8) as named (id)
), total as (
    select c.by, c.id, k.human + coalesce(r.human, 0) as human, k.filtered + coalesce(r.filtered, 0) as filtered
    from candidate c
    left join recent r using (by, id)
    cross join lateral rollup_kept($7, $11, c.by, $9, c.id) k
), ranked as (
    select by, id, human, filtered,
           row_number() over (partition by by order by case when $5 then human else filtered end desc, human desc, id desc) as place
    from total
)
select by as "by!", id as "id!", human as "human!", filtered as "filtered!"
from ranked
where place <= $6
order by by, place
