-- Human clicks of all that the caller sees on the days [$1, $2), split by what people hold and where they come from. $3 to $8
-- as $4 to $9 in summary.sql: an affiliate's own links; else rolled-up days, and rows of open days without affiliates that are
-- switched off.
with hidden as materialized (
    select l.link_id from link l join affiliate a using (affiliate_id) where not $3::boolean and not a.is_active
), platform as (
    select p.device, p.browser, p.os, sum(p.human_clicks)::bigint as human_clicks
    from click_daily_platform p
    where not $3::boolean
      and p.day >= $6::date
      and p.day < $7::date
      and ($8 or p.day = any ($5::date[]))
      and p.link_id not in (select link_id from hidden)
    group by p.device, p.browser, p.os
    union all
    select p.device, p.browser, p.os, sum(p.human_clicks)::bigint
    from click_daily_platform p
    where $3
      and p.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and p.day >= $1
      and p.day < $2
    group by p.device, p.browser, p.os
), origin as (
    select o.country, o.channel, sum(o.human_clicks)::bigint as human_clicks
    from click_daily_origin o
    where not $3
      and o.day >= $6
      and o.day < $7
      and ($8 or o.day = any ($5))
      and o.link_id not in (select link_id from hidden)
    group by o.country, o.channel
    union all
    select o.country, o.channel, sum(o.human_clicks)::bigint
    from click_daily_origin o
    where $3
      and o.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and o.day >= $1
      and o.day < $2
    group by o.country, o.channel
), part as (
    select r.split, r.code, r.human_clicks
    from rollup_split r
    where not $3 and r.vendor_id = $4 and r.day >= $1 and r.day < $2 and r.day <> all ($5)
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
