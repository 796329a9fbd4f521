-- Clicks in [$1, $2) by each of $4: affiliate, vendor, product or link. Of each the first $6 with the most human ($5) or filtered
-- clicks; or those named in $8, whether clicked or not. Affiliates that are switched off are left out, as in summary.sql.
-- The span $7 keeps what was clicked until today (migration 17); the span $11, which is the same or none, with the finished hours of
-- today (migration 23). What came since, from $3 on, is few rows, which are read once for all of $4. Without either, $3 is $1 and
-- all is read by row.
-- $9: the vendor whose groups these are, or 0. $10: an affiliate reads its own links, which are few, by the primary key.
-- For the first few; group_clicks_all.sql is for very many. Whoever is in neither list of the first lacks so many clicks that they
-- must have come since.
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
), whose as materialized (
    select link_id, l.affiliate_id, l.vendor_id, coalesce(l.product_id, 0) as product_id, c.human, c.filtered
    from counted c
    join link l using (link_id)
    where $10 or not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active)
), recent as (
    select 'link' as by, link_id as id, human, filtered
    from whose
    where 'link' = any ($4::text[])
    union all
    select 'affiliate', affiliate_id, sum(human)::bigint, sum(filtered)::bigint
    from whose
    where 'affiliate' = any ($4)
    group by affiliate_id
    union all
    select 'vendor', vendor_id, sum(human)::bigint, sum(filtered)::bigint
    from whose
    where 'vendor' = any ($4)
    group by vendor_id
    union all
    select 'product', product_id, sum(human)::bigint, sum(filtered)::bigint
    from whose
    where 'product' = any ($4)
    group by product_id
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
), now as (
    select asked.by, g.id, g.clicks
    from unnest($4) as asked (by)
    cross join lateral (
        select id, case when $5 then human_clicks else filtered_clicks end as clicks
        from rollup_now n
        where not $10 and $8 is null and n.span_id = $11::integer and n.by = asked.by and n.vendor_id = $9 and n.is_counted
        order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, id desc
        limit $6
    ) g
), listed as (
    select by, id from kept
    union all
    select by, id from now
    union all
    select asked.by, named.id from unnest($4) as asked (by), unnest($8) as named (id)
), first as (
    -- Put together by grouping and not by a join: what came since is guessed to be few rows, and would be read anew for each.
    select f.by, f.id, t.human + f.human as human, t.filtered + f.filtered as filtered
    from (
        select by, id, sum(human)::bigint as human, sum(filtered)::bigint as filtered
        from (
            select by, id, 0::bigint as human, 0::bigint as filtered, true as is_listed from listed
            union all
            select by, id, human, filtered, false from recent
        ) both_of
        group by by, id
        having bool_or(is_listed)
    ) f
    cross join lateral rollup_total($7, $11, f.by, $9, f.id) t
), bar as materialized (
    -- From this many clicks since on, somebody in neither list may be among the first: what is between the last of the first ones
    -- and the last in either list.
    select asked.by,
           coalesce((
               select case when $5 then f.human else f.filtered end as clicks
               from first f
               where f.by = asked.by
               order by clicks desc
               offset $6 - 1
               limit 1
           ), 0) - greatest(
               (select min(k.clicks) from kept k where k.by = asked.by having count(*) = $6),
               (select min(n.clicks) from now n where n.by = asked.by having count(*) = $6),
               0
           ) as clicks
    from unnest($4) as asked (by)
), total as (
    select by, id, human, filtered from first
    union
    select r.by, r.id, t.human + r.human, t.filtered + r.filtered
    from recent r
    join bar using (by)
    cross join lateral rollup_total($7, $11, r.by, $9, r.id) t
    where $8 is null and case when $5 then r.human else r.filtered end >= bar.clicks
), ranked as (
    select by, id, human, filtered,
           row_number() over (partition by by order by case when $5 then human else filtered end desc, human desc, id desc) as place
    from total
)
select by as "by!", id as "id!", human as "human!", filtered as "filtered!"
from ranked
where place <= $6
order by by, place
