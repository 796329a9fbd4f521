-- A large programme with obviously made-up names: 200 vendors, 100,000 affiliates, 1 M links, and a year in which each link
-- was clicked in four or five hours, a few in hundreds (4.8 M rows by hour). No trigger runs: nothing is published.
set session_replication_role = replica;
insert into vendor (name) select 'Made-up shop ' || n from generate_series(3, 200) n;
insert into product (vendor_id, name, destination) select v, 'Made-up product ' || v || '-' || n, 'https://shop.example.com/' || n from generate_series(1, 200) v, generate_series(1, 50) n;
insert into affiliate (username, name, email, status, approved_at, is_active, country, created_at)
select 'scale' || n, 'Made-up person ' || n, 'scale' || n || '@example.com', case when n % 50 = 0 then 'pending' else 'approved' end,
       case when n % 50 <> 0 then now() end, n % 1000 <> 7, 'SE', now() - n * interval '5 minutes'
from generate_series(1, 100000) n;
create temporary table base as
select (select min(affiliate_id) from affiliate where username like 'scale%') as affiliate,
       (select coalesce(max(link_id), 0) from link) as link,
       (now() at time zone 'UTC')::date as today;
insert into link (code, vendor_id, affiliate_id, product_id, destination, created_at)
select 'scale-' || lpad(n::text, 7, '0'), v.vendor_id, base.affiliate + n % 100000,
       case when n % 3 > 0 then p.product_id end, 'https://shop.example.com/p/' || n, now() - interval '1 year'
from base, generate_series(0, 999999) n
cross join lateral (select 1 + n % 200 as vendor_id) v
left join lateral (select min(product_id) + n / 200 % 50 as product_id from product where product.vendor_id = v.vendor_id and name like 'Made-up product%') p on true;
insert into partnership (vendor_id, affiliate_id, status, joined_at)
select distinct vendor_id, affiliate_id, 'active', now() - interval '1 year' from link, base where link_id > base.link;
-- The four hours of most links, in the order of time, as flushes bring them.
insert into click_hourly
select base.link + 1 + (d * 2741 + h * 114113 + i * 79) % 1000000, (base.today - d)::timestamp at time zone 'UTC' + h * interval '1 hour', 1 + i % 5, i % 3
from base, generate_series(364, 0, -1) d, generate_series(0, 23) h, generate_series(1, 500) i
where d > 0 or h <= extract(hour from now() at time zone 'UTC')
order by d desc, h
on conflict do nothing;
-- A few that everybody knows.
insert into click_hourly
select base.link + 1 + i * 997, (base.today - d)::timestamp at time zone 'UTC' + h * interval '1 hour', 1 + 2000 / (i + 1), 5
from base, generate_series(364, 0, -1) d, generate_series(0, 23) h, generate_series(0, 49) i
where d > 0 or h <= extract(hour from now() at time zone 'UTC')
order by d desc, h
on conflict do nothing;
insert into click_daily_platform
select link_id, (hour at time zone 'UTC')::date, 1 + link_id % 3, 1 + link_id % 4, 1 + link_id % 5, sum(human_clicks)
from click_hourly, base where link_id > base.link group by 1, 2 order by 2;
insert into click_daily_origin
select link_id, (hour at time zone 'UTC')::date, 27 * (1 + link_id % 20), 1 + link_id % 5, sum(human_clicks)
from click_hourly, base where link_id > base.link group by 1, 2 order by 2;
insert into visit_daily select distinct on (day, link_id % 300) link_id, day, '\x48594c4c0100000003000000000000807fff'::bytea, 3
from click_daily_origin, base where link_id > base.link;
insert into order_daily
select l.link_id, base.today - d, 'EUR', 1, 1000 + i, 100 + i, l.vendor_id, l.affiliate_id, l.product_id
from base
cross join generate_series(364, 0, -1) d
cross join generate_series(1, 1400) i
join link l on l.link_id = base.link + 1 + (d * 2741 + i * 79) % 1000000
on conflict do nothing;
set session_replication_role = origin;
-- Nobody said that days have changed: all of them are added up anew.
delete from rollup_span;
delete from rollup_day;
delete from rollup_today;
vacuum analyze;
