-- Clicks in [$1, $2) by $4: affiliate, vendor, product or link, as in group_clicks.sql, of very many: everything is added up, and
-- the first $6 with the most human ($5) or filtered clicks are taken.
with recent as (
    select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
    from click_hourly
    where not $9::boolean and hour >= $3 and hour < $2
    group by link_id
    union all
    select link_id, sum(human_clicks)::bigint, sum(filtered_clicks)::bigint
    from click_hourly
    where $9
      and link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and hour >= $1
      and hour < $2
    group by link_id
), part as (
    select case $4::text when 'link' then l.link_id when 'affiliate' then l.affiliate_id
                         when 'vendor' then l.vendor_id else coalesce(l.product_id, 0) end as id, r.human, r.filtered
    from recent r
    join link l using (link_id)
    where $9 or not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active)
    union all
    select id, human_clicks, filtered_clicks
    from rollup_now
    where not $9 and span_id = $10::integer and by = $4 and vendor_id = $8::bigint and is_counted
    union all
    select link_id, human_clicks, filtered_clicks
    from rollup_link k
    where not $9 and $4 = 'link' and span_id = $7::integer and is_counted
      and not exists (
          select from rollup_now n where n.span_id = $10 and n.by = 'link' and n.vendor_id = $8 and n.id = k.link_id
      )
    union all
    select id, human_clicks, filtered_clicks
    from rollup_group k
    where not $9 and $4 <> 'link' and span_id = $7 and by = $4 and vendor_id = $8
      and not exists (
          select from rollup_now n where n.span_id = $10 and n.by = $4 and n.vendor_id = $8 and n.id = k.id
      )
), total as (
    select id, sum(human)::bigint as human, sum(filtered)::bigint as filtered
    from part
    group by id
)
select id as "id!", human as "human!", filtered as "filtered!"
from total
order by case when $5::boolean then human else filtered end desc, human desc, id desc
limit $6
