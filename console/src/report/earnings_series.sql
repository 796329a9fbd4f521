-- Credited orders of the whole programme placed on the days [$1, $2), in buckets of $3 (day, week or month) and by currency.
-- Affiliates that are switched off are left out, as in summary.sql.
select date_trunc($3, d.day::timestamptz, 'UTC') as "start!",
       d.currency,
       sum(d.orders)::bigint as "orders!",
       sum(d.revenue_minor)::bigint as "revenue_minor!",
       sum(d.commission_minor)::bigint as "commission_minor!"
from order_daily d
where d.day >= $1
  and d.day < $2
  and not exists (
      select from link l join affiliate a using (affiliate_id)
      where l.link_id = d.link_id and not a.is_active and tenant_affiliate() is null
  )
group by 1, d.currency
order by 1, d.currency
