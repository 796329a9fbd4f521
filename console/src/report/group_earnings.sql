-- Orders and money on the days [$1, $2) of those named in $4, each currency apart, by $3: affiliate, vendor, product or link. What
-- affiliates brought that are switched off is left out, as in summary.sql.
-- Vendors' days are rolled up, but for the open ones $6, which lie in [$7, $8), with no other day in between ($9) or some. Those of
-- links, or of affiliates, who have few, are read by the primary key, as are an affiliate's own ($5); products' by day.
select id as "id!", currency as "currency!", total(orders) as "orders!", total(revenue_minor) as "revenue_minor!",
       total(commission_minor) as "commission_minor!"
from (
    select case $3::text when 'vendor' then d.vendor_id else coalesce(d.product_id, 0) end as id, d.currency, d.orders,
           d.revenue_minor, d.commission_minor
    from order_daily d
    where not $5::boolean
      and $3 in ('vendor', 'product')
      and d.day >= case $3 when 'vendor' then $7::date else $1 end
      and d.day < case $3 when 'vendor' then $8::date else $2 end
      and ($3 <> 'vendor' or $9 or d.day = any ($6::date[]))
      and d.vendor_id is not null -- nobody's
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
    union all
    select case $3 when 'affiliate' then d.affiliate_id when 'vendor' then d.vendor_id
                   when 'product' then coalesce(d.product_id, 0) else d.link_id end,
           d.currency, d.orders, d.revenue_minor, d.commission_minor
    from unnest(array(
        select link_id
        from link
        where ($3 = 'link' and link_id = any ($4::bigint[]))
           or ($3 = 'affiliate' and affiliate_id = any ($4))
           or ($5 and affiliate_id = tenant_affiliate())
    )) as of (link_id)
    join order_daily d on d.link_id = of.link_id and d.day >= $1 and d.day < $2
    where ($5 or $3 in ('affiliate', 'link'))
      and d.vendor_id is not null
      and ($5 or not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active))
    union all
    select r.vendor_id, r.currency, r.orders, r.revenue_minor, r.commission_minor
    from rollup_order r
    where not $5
      and $3 = 'vendor'
      and r.vendor_id = any ($4)
      and r.day >= $1
      and r.day < $2
      and r.day <> all ($6)
) earned
where id = any ($4)
group by id, currency
order by currency
