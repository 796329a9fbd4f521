-- Takes from links' days that are locked already: the amounts are negative.
update order_daily as d
set orders = d.orders + less.orders,
    revenue_minor = d.revenue_minor + less.revenue_minor,
    commission_minor = d.commission_minor + less.commission_minor
from unnest($1::bigint[], $2::date[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
    as less (link_id, day, currency, orders, revenue_minor, commission_minor)
where d.link_id = less.link_id and d.day = less.day and d.currency = less.currency
