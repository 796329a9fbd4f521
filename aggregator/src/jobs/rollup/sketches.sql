-- The sketches of the day $1, with whose shop their links lead to. A deleted link is nobody's.
select l.vendor_id as "vendor_id?", v.sketch as "sketch!"
from visit_daily v
left join link l using (link_id)
left join affiliate a using (affiliate_id)
where v.day = $1 and coalesce(a.is_active, true)
