-- Orders and money of the days [$1, $2) by $3: affiliate, vendor, product or link. The first $6 with the most orders, revenue
-- or commission ($4; amounts in the currency $5); or those named in $7. Affiliates that are switched off are left out, as in
-- summary.sql.
-- Vendors' days are rolled up, but for the open ones $9, which lie in [$10, $11), with no other day in between ($12) or some.
-- Those of a few links, or of affiliates, who have few, are read by the primary key, as are an affiliate's own ($8); others all
-- by day.
with few as materialized (
    select array(
        select link_id
        from link
        where ($3::text = 'link' and link_id = any ($7::bigint[]))
           or ($3 = 'affiliate' and affiliate_id = any ($7))
           or ($8 and affiliate_id = tenant_affiliate())
    ) as links
    where $8::boolean or ($7 is not null and $3 in ('link', 'affiliate'))
), daily as (
    select link_id, vendor_id, affiliate_id, product_id, currency, orders, revenue_minor, commission_minor
    from order_daily
    where not $8 and $3 = 'vendor' and day >= $10::date and day < $11::date and ($12 or day = any ($9::date[]))
    union all
    select link_id, vendor_id, affiliate_id, product_id, currency, orders, revenue_minor, commission_minor
    from order_daily
    where not $8 and $3 <> 'vendor' and ($7 is null or $3 = 'product') and day >= $1 and day < $2
    union all
    select d.link_id, d.vendor_id, d.affiliate_id, d.product_id, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from few
    cross join lateral unnest(few.links) as of (link_id)
    join order_daily d on d.link_id = of.link_id and d.day >= $1 and d.day < $2
), earned as (
    select case $3 when 'affiliate' then d.affiliate_id when 'vendor' then d.vendor_id
                   when 'product' then coalesce(d.product_id, 0) else d.link_id end as id,
           d.currency, d.orders, d.revenue_minor, d.commission_minor
    from daily d
    where d.vendor_id is not null -- nobody's
      and ($8 or not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active))
    union all
    select r.vendor_id, r.currency, r.orders, r.revenue_minor, r.commission_minor
    from rollup_order r
    where not $8 and $3 = 'vendor' and r.vendor_id > 0 and r.day >= $1 and r.day < $2
      and ($7 is null or r.vendor_id = any ($7))
      and r.day <> all ($9)
), first as (
    select id,
           case $4::text when 'orders' then sum(orders)
                         when 'revenue' then coalesce(sum(revenue_minor) filter (where currency = $5), 0)
                         else coalesce(sum(commission_minor) filter (where currency = $5), 0) end as worth
    from earned
    where $7 is null or id = any ($7)
    group by id
    order by worth desc, id desc
    limit $6
), by_currency as (
    select id, currency, sum(orders)::bigint as orders, sum(revenue_minor)::bigint as revenue, sum(commission_minor)::bigint as commission
    from earned
    where id in (select id from first)
    group by id, currency
)
select id as "id!",
       array_agg(currency order by currency) as "currencies!",
       array_agg(orders order by currency) as "orders!",
       array_agg(revenue order by currency) as "revenues!",
       array_agg(commission order by currency) as "commissions!"
from by_currency
join first using (id)
group by id, worth
order by worth desc, id desc
