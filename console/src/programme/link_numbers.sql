-- Clicks, orders and commission of the links $1 over all time, a row for each currency.
select link_id as "link_id!",
       clicks::bigint as "clicks!",
       filtered_clicks::bigint as "filtered_clicks!",
       orders::bigint as "orders!",
       currency,
       revenue_minor::bigint as "revenue_minor!",
       total_commission_minor::bigint as "commission_minor!"
from link_total
where link_id = any($1)
order by link_id, currency
