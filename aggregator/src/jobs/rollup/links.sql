-- The clicks of the days [$2, $3) by link, into the span $1.
insert into rollup_link (span_id, link_id, vendor_id, is_counted, human_clicks, filtered_clicks)
select $1, l.link_id, l.vendor_id, a.is_active, c.human, c.filtered
from (
    select link_id, sum(human_clicks)::bigint as human, sum(filtered_clicks)::bigint as filtered
    from click_hourly
    where hour >= $2::date::timestamp at time zone 'UTC'
      and hour < $3::date::timestamp at time zone 'UTC'
    group by link_id
) c
join link l using (link_id)
join affiliate a using (affiliate_id)
