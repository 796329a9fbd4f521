-- Adds to links' days, and locks them in the order of their keys, which come sorted and each once.
insert into order_daily as d (link_id, day, currency, orders, revenue_minor, commission_minor)
select *
from unnest($1::bigint[], $2::date[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
on conflict (link_id, day, currency) do update
set orders = d.orders + excluded.orders,
    revenue_minor = d.revenue_minor + excluded.revenue_minor,
    commission_minor = d.commission_minor + excluded.commission_minor
