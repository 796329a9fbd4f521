-- The clicks of [$2, $3), which is of the day $1: by link, and of the counted links by affiliate, vendor and product: of one
-- vendor's, and (0) of all.
with clicked as (
    select l.link_id, l.vendor_id, l.affiliate_id, l.product_id, a.is_active, c.human, c.filtered
    from (
        select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
        from click_hourly
        where hour >= $2 and hour < $3
        group by link_id
    ) c
    join link l using (link_id)
    join affiliate a using (affiliate_id)
)
insert into rollup_today_clicks (day, by, vendor_id, id, is_counted, human_clicks, filtered_clicks)
select $1::date, 'link', of.vendor_id, link_id, is_active, human, filtered
from clicked
cross join lateral (values (0), (clicked.vendor_id)) of (vendor_id)
union all
select $1, g.by, case grouping(vendor_id) when 1 then 0 else vendor_id end, g.id, true, sum(human)::bigint, sum(filtered)::bigint
from clicked
cross join lateral (
    values ('affiliate', affiliate_id), ('vendor', vendor_id), ('product', coalesce(product_id, 0))
) g (by, id)
where is_active
group by grouping sets ((g.by, g.id, vendor_id), (g.by, g.id))
