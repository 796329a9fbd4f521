-- The sketches of all that the caller sees on the days [$1, $2), $3 at most. As in summary.sql: rolled-up days, rows of open
-- days (all in [$4, $5), $6: in one span) without affiliates that are switched off, an affiliate's own links.
with open as materialized (
    select begins, ends from rollup_open('clicks', $1, $2) where tenant_affiliate() is null
)
select r.sketch as "sketch!"
from rollup_visit r
where tenant_affiliate() is null and r.vendor_id = coalesce(tenant_vendor(), 0) and r.day >= $1 and r.day < $2
  and not exists (select from open where r.day >= begins and r.day < ends)
union all
select v.sketch
from visit_daily v
where tenant_affiliate() is null
  and v.day >= $4
  and v.day < $5
  and ($6 or exists (select from open where v.day >= begins and v.day < ends))
  and not exists (
      select from link l join affiliate a using (affiliate_id) where l.link_id = v.link_id and not a.is_active
  )
union all
select v.sketch
from visit_daily v
where tenant_affiliate() is not null
  and v.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
  and v.day >= $1
  and v.day < $2
limit $3
