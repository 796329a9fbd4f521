-- 100,000 links; one in ten was clicked every hour of three days, and all of them a month ago.
insert into link (code, vendor_id, affiliate_id, destination)
select 'wide-' || lpad(n::text, 6, '0'), 1, 1, 'https://shop.example.com/' from generate_series(1, 100000) n;
insert into click_hourly
select l, date_trunc('hour', now()) - h * interval '1 hour', 1 + l % 7, l % 3
from generate_series(10, 100000, 10) l, generate_series(0, 71) h;
insert into click_hourly
select l, date_trunc('hour', now()) - interval '30 days', 1, 0 from generate_series(6, 100000) l;
insert into click_daily_platform select l, current_date - d, 1, 1, 1, 1 from generate_series(10, 100000, 10) l, generate_series(0, 9) d;
insert into click_daily_origin select l, current_date - d, 1, 1, 1 from generate_series(10, 100000, 10) l, generate_series(0, 9) d;
insert into visit_daily select l, current_date - d, '\x00', 1 from generate_series(10, 100000, 10) l, generate_series(0, 9) d;
analyze;
