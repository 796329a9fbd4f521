-- The clicks of [$1, $2) by the hour, for each vendor and (0) for the programme.
insert into rollup_click (vendor_id, hour, human_clicks, filtered_clicks)
select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end, c.hour,
       sum(c.human_clicks)::bigint, sum(c.filtered_clicks)::bigint
from click_hourly c
left join link l using (link_id)
left join affiliate a using (affiliate_id)
where c.hour >= $1
  and c.hour < $2
  and coalesce(a.is_active, true)
group by grouping sets ((l.vendor_id, c.hour), (c.hour))
having grouping(l.vendor_id) = 1 or l.vendor_id is not null -- a deleted link is nobody's
order by 1, 2 -- a report reads one vendor's days: they lie side by side
