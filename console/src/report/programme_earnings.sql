-- Credited orders of the whole programme placed on the days [$1, $2), by currency, by the index on day.
select currency,
       sum(orders)::bigint as "orders!",
       sum(revenue_minor)::bigint as "revenue_minor!",
       sum(commission_minor)::bigint as "commission_minor!"
from order_daily
where day >= $1 and day < $2
group by currency
having sum(orders) <> 0 or sum(revenue_minor) <> 0 or sum(commission_minor) <> 0
order by currency
