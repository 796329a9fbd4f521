-- What was clicked in [$1, $2) and ordered on the days [$3, $4), by $5: affiliate, vendor, product or link. The first in
-- the order $6 (human, filtered, orders, revenue, commission; amounts in the currency $7), at most $8. Affiliates that
-- are switched off are left out, as in summary.sql.
-- counted, earned: one sum for each link first, so that links are looked up once.
with counted as (
    select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
    from click_hourly
    where hour >= $1 and hour < $2
    group by link_id
), earned as (
    select link_id, currency, sum(orders)::bigint as orders, sum(revenue_minor)::bigint as revenue,
           sum(commission_minor)::bigint as commission
    from order_daily
    where day >= $3 and day < $4
    group by link_id, currency
), clicked as (
    select case $5::text when 'affiliate' then l.affiliate_id when 'vendor' then l.vendor_id
                         when 'product' then coalesce(l.product_id, 0) else l.link_id end as id,
           sum(c.human)::bigint as human, sum(c.filtered)::bigint as filtered
    from counted c
    join link l using (link_id)
    where not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active and tenant_affiliate() is null)
    group by 1
), by_currency as (
    select case $5 when 'affiliate' then l.affiliate_id when 'vendor' then l.vendor_id
                   when 'product' then coalesce(l.product_id, 0) else l.link_id end as id,
           e.currency, sum(e.orders)::bigint as orders, sum(e.revenue)::bigint as revenue, sum(e.commission)::bigint as commission
    from earned e
    join link l using (link_id)
    where not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active and tenant_affiliate() is null)
    group by 1, 2
), ordered as (
    select id,
           sum(orders)::bigint as orders,
           array_agg(currency order by currency) as currencies,
           array_agg(orders order by currency) as orders_each,
           array_agg(revenue order by currency) as revenues,
           array_agg(commission order by currency) as commissions,
           sum(revenue) filter (where currency = $7) as revenue,
           sum(commission) filter (where currency = $7) as commission
    from by_currency
    group by id
)
select id as "id!",
       coalesce(c.human, 0) as "human!",
       coalesce(c.filtered, 0) as "filtered!",
       coalesce(o.currencies, '{}') as "currencies!",
       coalesce(o.orders_each, '{}') as "orders!",
       coalesce(o.revenues, '{}') as "revenues!",
       coalesce(o.commissions, '{}') as "commissions!"
from clicked c
full join ordered o using (id)
order by case $6::text when 'filtered' then coalesce(c.filtered, 0)
                       when 'orders' then coalesce(o.orders, 0)
                       when 'revenue' then coalesce(o.revenue, 0)
                       when 'commission' then coalesce(o.commission, 0)
                       else coalesce(c.human, 0) end desc,
         coalesce(c.human, 0) desc, id
limit $8
