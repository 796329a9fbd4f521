-- Clicks in [$1, $2) by $4: affiliate, vendor, product or link. The first $6 with the most human ($5) or filtered clicks; or
-- those named in $8, whether clicked or not. Affiliates that are switched off are left out, as in summary.sql.
-- The span $7 keeps what was clicked before $3 (migration 17). What came since is few rows: who is first in all is first in
-- the span, or was clicked since. Without a span, $3 is $1 and all is read by row. $9: the vendor whose groups these are, or 0.
-- An affiliate's own links are few: their hours are read by the primary key.
with counted as (
    select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
    from click_hourly
    where tenant_affiliate() is null and hour >= $3 and hour < $2
    group by link_id
    union all
    select link_id, sum(human_clicks)::bigint, sum(filtered_clicks)::bigint
    from click_hourly
    where tenant_affiliate() is not null
      and link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and hour >= $1
      and hour < $2
    group by link_id
), since as (
    select case $4::text when 'affiliate' then l.affiliate_id when 'vendor' then l.vendor_id
                         when 'product' then coalesce(l.product_id, 0) else l.link_id end as id,
           sum(c.human)::bigint as human, sum(c.filtered)::bigint as filtered
    from counted c
    join link l using (link_id)
    where not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active and tenant_affiliate() is null)
    group by 1
), first as (
    (select link_id as id
     from rollup_link
     where tenant_affiliate() is null and $8::bigint[] is null and $4 = 'link' and span_id = $7::integer and is_counted
     order by case when $5::boolean then human_clicks else filtered_clicks end desc, human_clicks desc, link_id desc
     limit $6)
    union all
    (select id
     from rollup_group
     where tenant_affiliate() is null and $8 is null and $4 <> 'link' and span_id = $7 and by = $4 and vendor_id = $9::bigint
     order by case when $5 then human_clicks else filtered_clicks end desc, human_clicks desc, id desc
     limit $6)
), candidate as (
    select id from since where $8 is null
    union
    select id from first
    union
    select unnest($8)
), total as (
    select candidate.id,
           coalesce(l.human_clicks, g.human_clicks, 0) + coalesce(s.human, 0) as human,
           coalesce(l.filtered_clicks, g.filtered_clicks, 0) + coalesce(s.filtered, 0) as filtered
    from candidate
    left join since s on s.id = candidate.id
    left join rollup_link l on $4 = 'link' and l.span_id = $7 and l.link_id = candidate.id
    left join rollup_group g on $4 <> 'link' and g.span_id = $7 and g.by = $4 and g.vendor_id = $9
                            and g.id = candidate.id
)
select id as "id!", human as "human!", filtered as "filtered!"
from total
order by case when $5 then human else filtered end desc, human desc, id desc
limit $6
