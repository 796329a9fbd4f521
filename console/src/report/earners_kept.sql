-- The first $6 by $3 (affiliate, product or link) with the most orders, revenue or commission ($4; amounts in the currency $5), the
-- newest first among equals, of vendor $8's or (0) of all: as in earners.sql, from the kept span $7.
-- Days that are not rolled up, $1, are read by row; what the span has of those that were and have changed since, $2, is taken away.
-- Whoever is not in the list of the first lacks so much that it must have come since.
with changed as (
    select id, total(worth) as worth
    from (
        select case $3::text when 'affiliate' then d.affiliate_id when 'product' then coalesce(d.product_id, 0) else d.link_id end as id,
               case $4::text when 'orders' then d.orders
                             when 'revenue' then case when d.currency = $5 then d.revenue_minor else 0 end
                             else case when d.currency = $5 then d.commission_minor else 0 end end as worth
        from unnest($1::date[]) as of (day)
        join order_daily d using (day)
        where d.vendor_id is not null -- nobody's
          and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
        union all
        select case $3 when 'affiliate' then r.affiliate_id when 'product' then r.product_id else r.link_id end,
               -case $4 when 'orders' then r.orders
                        when 'revenue' then case when r.currency = $5 then r.revenue_minor else 0 end
                        else case when r.currency = $5 then r.commission_minor else 0 end end
        from unnest($2::date[]) as of (day)
        join rollup_sale r using (day)
    ) since
    group by id
), depth as materialized (
    -- So deep that as many as are asked for are left when everybody who changed has fallen behind.
    select $6::bigint + count(*) as rows from changed
), kept as materialized (
    (select id, total(orders) as worth
     from rollup_earner
     where $4 = 'orders' and span_id = $7::integer and by = $3 and vendor_id = $8::bigint
     group by id
     order by worth desc, id desc
     limit (select rows from depth))
    union all
    (select id, revenue_minor
     from rollup_earner
     where $4 = 'revenue' and span_id = $7 and by = $3 and vendor_id = $8 and currency = $5
     order by revenue_minor desc, id desc
     limit (select rows from depth))
    union all
    (select id, commission_minor
     from rollup_earner
     where $4 not in ('orders', 'revenue') and span_id = $7 and by = $3 and vendor_id = $8 and currency = $5
     order by commission_minor desc, id desc
     limit (select rows from depth))
), both_of as materialized (
    select id, total(worth) as worth, bool_or(is_kept) as is_kept
    from (select id, worth, true as is_kept from kept union all select id, worth, false from changed) added
    group by id
), bar as materialized (
    -- Who is not in the list has at most what the last in it has; nothing when the list has all.
    select coalesce((select worth from both_of where is_kept order by worth desc offset $6 - 1 limit 1), 0)
           - coalesce((select min(worth) from kept having count(*) = (select rows from depth)), 0) as worth
), ranked as (
    select id, worth from both_of where is_kept
    union all
    select b.id, b.worth + coalesce((
               select total(case $4 when 'orders' then e.orders
                                    when 'revenue' then case when e.currency = $5 then e.revenue_minor else 0 end
                                    else case when e.currency = $5 then e.commission_minor else 0 end end)
               from rollup_earner e
               where e.span_id = $7 and e.by = $3 and e.vendor_id = $8 and e.id = b.id
           ), 0)
    from both_of b
    join bar on b.worth >= bar.worth
    where not b.is_kept
)
select id as "id!", worth as "worth!"
from ranked
order by worth desc, id desc
limit $6
