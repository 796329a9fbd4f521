-- Who earned on the days [$1, $2), by $3: affiliate, vendor, product or link. The first $6 with the most orders, revenue or
-- commission ($4; amounts in the currency $5), the newest first among equals. Affiliates that are switched off are left out, as in
-- summary.sql.
-- Vendors' days are rolled up, but for the open ones $8, which lie in [$9, $10), with no other day in between ($11) or some. An
-- affiliate's own ($7) are read by the primary key, as it has few links; others all by day.
select id as "id!"
from (
    select case $3 when 'affiliate' then d.affiliate_id when 'vendor' then d.vendor_id
                   when 'product' then coalesce(d.product_id, 0) else d.link_id end as id,
           case $4::text when 'orders' then d.orders
                         when 'revenue' then case when d.currency = $5 then d.revenue_minor else 0 end
                         else case when d.currency = $5 then d.commission_minor else 0 end end as worth
    from order_daily d
    where not $7::boolean
      and d.day >= case $3::text when 'vendor' then $9::date else $1 end
      and d.day < case $3 when 'vendor' then $10::date else $2 end
      and ($3 <> 'vendor' or $11 or d.day = any ($8::date[]))
      and d.vendor_id is not null -- nobody's
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
    union all
    select case $3 when 'affiliate' then d.affiliate_id when 'vendor' then d.vendor_id
                   when 'product' then coalesce(d.product_id, 0) else d.link_id end,
           case $4 when 'orders' then d.orders
                   when 'revenue' then case when d.currency = $5 then d.revenue_minor else 0 end
                   else case when d.currency = $5 then d.commission_minor else 0 end end
    from order_daily d
    where $7
      and d.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and d.day >= $1
      and d.day < $2
      and d.vendor_id is not null
    union all
    select r.vendor_id,
           case $4 when 'orders' then r.orders
                   when 'revenue' then case when r.currency = $5 then r.revenue_minor else 0 end
                   else case when r.currency = $5 then r.commission_minor else 0 end end
    from rollup_order r
    where not $7
      and $3 = 'vendor'
      and r.vendor_id > 0
      and r.day >= $1
      and r.day < $2
      and r.day <> all ($8)
) earned
group by id
order by total(worth) desc, id desc
limit $6
