-- The counted links of the span $1, added up by affiliate, vendor and product: of one vendor's links, and (0) of all.
insert into rollup_group (span_id, by, vendor_id, id, human_clicks, filtered_clicks)
select $1, g.by, case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end, g.id,
       sum(k.human_clicks)::bigint, sum(k.filtered_clicks)::bigint
from rollup_link k
join link l using (link_id)
cross join lateral (
    values ('affiliate', l.affiliate_id), ('vendor', l.vendor_id), ('product', coalesce(l.product_id, 0))
) g (by, id)
where k.span_id = $1 and k.is_counted
group by grouping sets ((g.by, g.id, l.vendor_id), (g.by, g.id))
