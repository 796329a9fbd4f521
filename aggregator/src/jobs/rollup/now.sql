-- The clicks of [$1, $2), which is of today, with those of each span that is current: by link, and of the counted links by
-- affiliate, vendor and product: of one vendor's, and (0) of all.
with clicked as (
    select l.link_id, l.vendor_id, l.affiliate_id, l.product_id, a.is_active, c.human, c.filtered
    from (
        select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
        from click_hourly
        where hour >= $1 and hour < $2
        group by link_id
    ) c
    join link l using (link_id)
    join affiliate a using (affiliate_id)
), today as (
    select 'link' as by, of.vendor_id, link_id as id, is_active as is_counted, human, filtered
    from clicked
    cross join lateral (values (0), (clicked.vendor_id)) of (vendor_id)
    union all
    select g.by, case grouping(vendor_id) when 1 then 0 else vendor_id end, g.id, true, sum(human)::bigint, sum(filtered)::bigint
    from clicked
    cross join lateral (
        values ('affiliate', affiliate_id), ('vendor', vendor_id), ('product', coalesce(product_id, 0))
    ) g (by, id)
    where is_active
    group by grouping sets ((g.by, g.id, vendor_id), (g.by, g.id))
)
insert into rollup_now (span_id, by, vendor_id, id, is_counted, human_clicks, filtered_clicks)
select s.span_id, t.by, t.vendor_id, t.id, t.is_counted,
       t.human + coalesce(l.human_clicks, g.human_clicks, 0), t.filtered + coalesce(l.filtered_clicks, g.filtered_clicks, 0)
from rollup_current s
cross join today t
left join rollup_link l on t.by = 'link' and l.span_id = s.span_id and l.link_id = t.id
left join rollup_group g on t.by <> 'link' and g.span_id = s.span_id and g.by = t.by and g.vendor_id = t.vendor_id and g.id = t.id
