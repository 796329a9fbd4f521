-- Clicks in [$1, $2) by each of $4: affiliate, vendor, product or link. Of each the first $6 with the most human ($5) or filtered
-- clicks; or those named in $8, whether clicked or not. Affiliates that are switched off are left out, as in summary.sql.
-- The span $7 keeps what was clicked until today (migration 17), and the day $11 the finished hours of today (migration 21).
-- What came since, from $3 on, is few rows, which are read once for all of $4: who is first in all is first in the span, or was
-- clicked since. Without either, $3 is $1 and all is read by row. $9: the vendor whose groups these are, or 0. $10: an affiliate
-- reads its own links, which are few, by the primary key.
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
), since as (
    select by, id, sum(human)::bigint as human, sum(filtered)::bigint as filtered
    from (
        select by, id, human, filtered from recent
        union all
        select by, id, human_clicks, filtered_clicks
        from rollup_today_clicks
        where not $10 and day = $11::date and by = 'link' and 'link' = any ($4) and is_counted
        union all
        select by, id, human_clicks, filtered_clicks
        from rollup_today_clicks
        where not $10 and day = $11 and by <> 'link' and by = any ($4) and vendor_id = $9::bigint
    ) today
    group by by, id
), first as (
    (select 'link' as by, link_id as id, human_clicks as human, filtered_clicks as filtered
     from rollup_link
     where not $10 and $8::bigint[] is null and 'link' = any ($4) and span_id = $7::integer and is_counted
     order by case when $5::boolean then human_clicks else filtered_clicks end desc, human_clicks desc, link_id desc
     limit $6)
    union all
    select asked.by, g.id, g.human_clicks, g.filtered_clicks
    from unnest($4) as asked (by)
    cross join lateral (
        select id, human_clicks, filtered_clicks
        from rollup_group k
        where not $10 and $8 is null and k.span_id = $7 and k.by = asked.by and k.vendor_id = $9
        order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, id desc
        limit $6
    ) g
), missing as (
    -- Nobody but these has more kept than the least of them: whoever was clicked less since than that one lacks of the least
    -- total is not among the first.
    select by, min(case when $5 then f.human + coalesce(s.human, 0) else f.filtered + coalesce(s.filtered, 0) end)
               - min(case when $5 then f.human else f.filtered end) as clicks
    from first f
    left join since s using (by, id)
    group by by
    having count(*) = $6
), candidate as (
    select by, s.id
    from since s
    left join missing m using (by)
    where $8 is null and (m.clicks is null or case when $5 then s.human else s.filtered end >= m.clicks)
    union
    select by, id from first
    union
    select asked.by, named.id from unnest($4) as asked (by), unnest($8) as named (id)
), total as (
    select c.by, c.id,
           coalesce(l.human_clicks, g.human_clicks, 0) + coalesce(s.human, 0) as human,
           coalesce(l.filtered_clicks, g.filtered_clicks, 0) + coalesce(s.filtered, 0) as filtered
    from candidate c
    left join since s using (by, id)
    -- One by one: they are few, which Postgres cannot know.
    left join lateral (
        select k.human_clicks, k.filtered_clicks
        from rollup_link k
        where c.by = 'link' and k.span_id = $7 and k.link_id = c.id
        limit 1
    ) l on true
    left join lateral (
        select k.human_clicks, k.filtered_clicks
        from rollup_group k
        where c.by <> 'link' and k.span_id = $7 and k.by = c.by and k.vendor_id = $9 and k.id = c.id
        limit 1
    ) g on true
), ranked as (
    select by, id, human, filtered,
           row_number() over (partition by by order by case when $5 then human else filtered end desc, human desc, id desc) as place
    from total
)
select by as "by!", id as "id!", human as "human!", filtered as "filtered!"
from ranked
where place <= $6
order by by, place
