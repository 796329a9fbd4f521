-- Human clicks of all that the caller sees on the days [$1, $2), split by what people hold and where they come from. As
-- in summary.sql: rolled-up days, rows of open days (all in [$3, $4), $5: in one span) without affiliates that are switched off, an affiliate's
-- own links.
with open as materialized (
    select begins, ends from rollup_open('clicks', $1, $2) where tenant_affiliate() is null
), platform as (
    select p.device, p.browser, p.os, p.human_clicks
    from click_daily_platform p
    where tenant_affiliate() is null
      and p.day >= $3
      and p.day < $4
      and ($5 or exists (select from open where p.day >= begins and p.day < ends))
      and not exists (
          select from link l join affiliate a using (affiliate_id) where l.link_id = p.link_id and not a.is_active
      )
    union all
    select p.device, p.browser, p.os, p.human_clicks
    from click_daily_platform p
    where tenant_affiliate() is not null
      and p.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and p.day >= $1
      and p.day < $2
), origin as (
    select o.country, o.channel, o.human_clicks
    from click_daily_origin o
    where tenant_affiliate() is null
      and o.day >= $3
      and o.day < $4
      and ($5 or exists (select from open where o.day >= begins and o.day < ends))
      and not exists (
          select from link l join affiliate a using (affiliate_id) where l.link_id = o.link_id and not a.is_active
      )
    union all
    select o.country, o.channel, o.human_clicks
    from click_daily_origin o
    where tenant_affiliate() is not null
      and o.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and o.day >= $1
      and o.day < $2
), part as (
    select r.split, r.code, r.human_clicks
    from rollup_split r
    where tenant_affiliate() is null and r.vendor_id = coalesce(tenant_vendor(), 0) and r.day >= $1 and r.day < $2
      and not exists (select from open where r.day >= begins and r.day < ends)
    union all
    select v.split, v.code, p.human_clicks
    from platform p
    cross join lateral (values ('device', p.device), ('browser', p.browser), ('os', p.os)) v (split, code)
    union all
    select v.split, v.code, o.human_clicks
    from origin o
    cross join lateral (values ('country', o.country), ('channel', o.channel)) v (split, code)
)
select split as "split!", code as "code!", sum(human_clicks)::bigint as "human_clicks!"
from part
group by split, code
