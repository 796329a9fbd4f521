-- Credited orders of the links $1 placed on the days [$2, $3), by currency, by the primary key.
select link_id,
       currency,
       sum(orders)::bigint as "orders!",
       sum(revenue_minor)::bigint as "revenue_minor!",
       sum(commission_minor)::bigint as "commission_minor!"
from order_daily
where link_id = any($1) and day >= $2 and day < $3
group by link_id, currency
having sum(orders) <> 0 or sum(revenue_minor) <> 0 or sum(commission_minor) <> 0
order by link_id, currency
