-- Credited orders placed on the days [$2, $3) through the links of the affiliates $1, by currency.
select l.affiliate_id,
       d.currency,
       sum(d.orders)::bigint as "orders!",
       sum(d.revenue_minor)::bigint as "revenue_minor!",
       sum(d.commission_minor)::bigint as "commission_minor!"
from link l
join order_daily d using (link_id)
where l.affiliate_id = any($1) and d.day >= $2 and d.day < $3
group by l.affiliate_id, d.currency
having sum(d.orders) <> 0 or sum(d.revenue_minor) <> 0 or sum(d.commission_minor) <> 0
order by l.affiliate_id, d.currency
