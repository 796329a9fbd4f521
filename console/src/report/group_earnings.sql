-- Orders and money of the days [$1, $2) by $3: affiliate, vendor, product or link. The first $6 with the most orders, revenue
-- or commission ($4; amounts in the currency $5); or those named in $7. Affiliates that are switched off are left out, as in
-- summary.sql.
-- Those of a few links, or of affiliates, who have few, are read by the primary key, as are an affiliate's own; else all days.
with few as materialized (
    select array(
        select link_id
        from link
        where ($3::text = 'link' and link_id = any ($7::bigint[]))
           or ($3 = 'affiliate' and affiliate_id = any ($7))
           or affiliate_id = tenant_affiliate()
    ) as links
    where tenant_affiliate() is not null or ($7 is not null and $3 in ('link', 'affiliate'))
), earned as (
    select link_id, currency, orders, revenue_minor, commission_minor
    from order_daily
    where tenant_affiliate() is null and ($7 is null or $3 not in ('link', 'affiliate')) and day >= $1 and day < $2
    union all
    select d.link_id, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from few
    cross join lateral unnest(few.links) as of (link_id)
    join order_daily d on d.link_id = of.link_id and d.day >= $1 and d.day < $2
), by_link as (
    select link_id, currency, sum(orders)::bigint as orders, sum(revenue_minor)::bigint as revenue,
           sum(commission_minor)::bigint as commission
    from earned
    group by link_id, currency
), by_currency as (
    select case $3 when 'affiliate' then l.affiliate_id when 'vendor' then l.vendor_id
                   when 'product' then coalesce(l.product_id, 0) else l.link_id end as id,
           e.currency, sum(e.orders)::bigint as orders, sum(e.revenue)::bigint as revenue, sum(e.commission)::bigint as commission
    from by_link e
    join link l using (link_id)
    where not exists (select from affiliate a where a.affiliate_id = l.affiliate_id and not a.is_active and tenant_affiliate() is null)
    group by 1, 2
)
select id as "id!",
       array_agg(currency order by currency) as "currencies!",
       array_agg(orders order by currency) as "orders!",
       array_agg(revenue order by currency) as "revenues!",
       array_agg(commission order by currency) as "commissions!"
from by_currency
where $7 is null or id = any ($7)
group by id
order by case $4::text when 'orders' then sum(orders)::bigint
                       when 'revenue' then coalesce(sum(revenue) filter (where currency = $5), 0)::bigint
                       else coalesce(sum(commission) filter (where currency = $5), 0)::bigint end desc, id desc
limit $6
