-- Orders and money of those named in $4, each currency apart, by $3 (affiliate, product or link), of vendor $6's or (0) of all: as in
-- group_earnings.sql, from the kept span $5. $1 and $2 as in earners_kept.sql.
select id as "id!", currency as "currency!", total(orders) as "orders!", total(revenue_minor) as "revenue_minor!",
       total(commission_minor) as "commission_minor!"
from (
    select id, currency, lines, orders, revenue_minor, commission_minor
    from rollup_earner
    where span_id = $5::integer and by = $3::text and vendor_id = $6::bigint and id = any ($4::bigint[])
    union all
    select case $3 when 'affiliate' then d.affiliate_id when 'product' then coalesce(d.product_id, 0) else d.link_id end, d.currency, 1,
           d.orders, d.revenue_minor, d.commission_minor
    from unnest($1::date[]) as of (day)
    join order_daily d using (day)
    where d.vendor_id is not null -- nobody's
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
    union all
    select case $3 when 'affiliate' then r.affiliate_id when 'product' then r.product_id else r.link_id end, r.currency, -1, -r.orders,
           -r.revenue_minor, -r.commission_minor
    from unnest($2::date[]) as of (day)
    join rollup_sale r using (day)
) earned
where id = any ($4)
group by id, currency
having total(lines) > 0
order by currency
