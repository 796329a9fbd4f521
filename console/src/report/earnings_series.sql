-- Credited orders of all that the caller sees, placed on the days [$1, $2), in buckets of $3 (day, week or month) and by
-- currency. As in summary.sql: rolled-up days, rows of open days without affiliates that are switched off, an affiliate's
-- own links.
with open as materialized (
    select begins, ends from rollup_open('orders', $1, $2) where tenant_affiliate() is null
), earned as (
    select r.day, r.currency, r.orders, r.revenue_minor, r.commission_minor
    from rollup_order r
    where tenant_affiliate() is null and r.vendor_id = coalesce(tenant_vendor(), 0) and r.day >= $1 and r.day < $2
      and not exists (select from open where r.day >= begins and r.day < ends)
    union all
    select d.day, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from open
    cross join lateral (
        select o.affiliate_id, o.day, o.currency, o.orders, o.revenue_minor, o.commission_minor
        from order_daily o where o.day >= open.begins and o.day < open.ends
    ) d
    where tenant_affiliate() is null
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
    union all
    select d.day, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from order_daily d
    where tenant_affiliate() is not null
      and d.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and d.day >= $1
      and d.day < $2
)
select date_trunc($3, day::timestamp at time zone 'UTC', 'UTC') as "start!",
       currency as "currency!",
       sum(orders)::bigint as "orders!",
       sum(revenue_minor)::bigint as "revenue_minor!",
       sum(commission_minor)::bigint as "commission_minor!"
from earned
group by 1, currency
order by 1, currency
