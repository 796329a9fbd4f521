-- The human clicks of the days [$1, $2) split five ways, for each vendor and (0) for the programme.
insert into rollup_split (vendor_id, split, day, code, human_clicks)
select case grouping(l.vendor_id) when 1 then 0 else l.vendor_id end, s.split, s.day, s.code, sum(s.human_clicks)::bigint
from (
    select p.link_id, p.day, v.split, v.code, p.human_clicks
    from click_daily_platform p
    cross join lateral (values ('device', p.device), ('browser', p.browser), ('os', p.os)) v (split, code)
    where p.day >= $1 and p.day < $2
    union all
    select o.link_id, o.day, v.split, v.code, o.human_clicks
    from click_daily_origin o
    cross join lateral (values ('country', o.country), ('channel', o.channel)) v (split, code)
    where o.day >= $1 and o.day < $2
) s
left join link l using (link_id)
left join affiliate a using (affiliate_id)
where coalesce(a.is_active, true)
group by grouping sets ((l.vendor_id, s.split, s.day, s.code), (s.split, s.day, s.code))
having grouping(l.vendor_id) = 1 or l.vendor_id is not null -- a deleted link is nobody's
order by 1, 3, 2, 4 -- a report reads one vendor's days: they lie side by side
