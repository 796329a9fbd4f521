-- The whole programme's splits are read by the day. As in click_hourly, rows arrive in the order of time.
create index click_daily_platform_day on click_daily_platform using brin (day) with (pages_per_range = 32, autosummarize = on);
create index click_daily_origin_day on click_daily_origin using brin (day) with (pages_per_range = 32, autosummarize = on);
