-- Credited orders of all that the caller sees, placed on the days [$1, $2), in buckets of $3 (day, week or month) and by
-- currency. $4 to $9 as in summary.sql: an affiliate's own links; else rolled-up days, and rows of open days without
-- affiliates that are switched off.
with earned as (
    select r.day, r.currency, r.orders, r.revenue_minor, r.commission_minor
    from rollup_order r
    where not $4::boolean and r.vendor_id = $5 and r.day >= $1 and r.day < $2 and r.day <> all ($6::date[])
    union all
    select d.day, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from order_daily d
    where not $4
      and d.day >= $7::date
      and d.day < $8::date
      and ($9 or d.day = any ($6))
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
    union all
    select d.day, d.currency, d.orders, d.revenue_minor, d.commission_minor
    from order_daily d
    where $4
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
