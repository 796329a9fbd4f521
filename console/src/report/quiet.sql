-- The links without a click in [$1, $2), newest first, older than link $4.
select l.link_id
from link l
where l.link_id < $4
  and starts_with(l.code, $3)
  and not exists (
      select from click_hourly c where c.link_id = l.link_id and c.hour >= $1 and c.hour < $2
  )
order by l.link_id desc
limit $5
