-- The sketches of all that the caller sees on the days [$1, $2), $3 at most. $4 to $9 as in summary.sql: an affiliate's own
-- links; else rolled-up days, and rows of open days without affiliates that are switched off.
select r.sketch as "sketch!"
from rollup_visit r
where not $4::boolean and r.vendor_id = $5 and r.day >= $1 and r.day < $2 and r.day <> all ($6::date[])
union all
select v.sketch
from visit_daily v
where not $4
  and $7::date < $8::date -- else the index is asked for nothing
  and v.day >= $7
  and v.day < $8
  and ($9 or v.day = any ($6))
  and not exists (
      select from link l join affiliate a using (affiliate_id) where l.link_id = v.link_id and not a.is_active
  )
union all
select v.sketch
from visit_daily v
where $4
  and v.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
  and v.day >= $1
  and v.day < $2
limit $3
