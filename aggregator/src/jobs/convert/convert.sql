with asked as (
    select link_id from click_hourly where hour >= $1
    union
    select link_id from order_daily where day >= ($1 at time zone 'UTC')::date
),
clicked as (
    -- what people did, over all time
    select c.link_id, sum(c.human_clicks)::bigint as clicks
    from click_hourly as c
    join asked using (link_id)
    group by c.link_id
),
ordered as (
    -- credited orders, cancelled ones left out
    select d.link_id, sum(d.orders)::bigint as orders
    from order_daily as d
    join asked using (link_id)
    group by d.link_id
)
-- Written in the order of links, so that two aggregators never wait for one another in a circle.
insert into link_conversion (link_id, human_clicks, orders, conversion_ppm, computed_at)
select link_id, coalesce(clicks, 0), coalesce(orders, 0),
       case when clicks > 0 then coalesce(orders, 0) * 1000000 / clicks end, $2::timestamptz
from asked
left join clicked using (link_id)
left join ordered using (link_id)
order by link_id
on conflict (link_id) do update
set human_clicks = excluded.human_clicks, orders = excluded.orders, conversion_ppm = excluded.conversion_ppm,
    computed_at = excluded.computed_at
where link_conversion.computed_at <= excluded.computed_at
