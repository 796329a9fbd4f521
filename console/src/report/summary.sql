-- Clicks of the whole programme in [$1, $2), in buckets of $3 (hour, day, week or month, UTC), by the index on hour. Affiliates that
-- are switched off are left out while they are, but not of what they see of themselves.
select date_trunc($3, c.hour, 'UTC') as "start!",
       sum(c.human_clicks)::bigint as "human_clicks!",
       sum(c.filtered_clicks)::bigint as "filtered_clicks!"
from click_hourly c
where c.hour >= $1
  and c.hour < $2
  and not exists (
      select from link l join affiliate a using (affiliate_id)
      where l.link_id = c.link_id and not a.is_active and tenant_affiliate() is null
  )
group by date_trunc($3, c.hour, 'UTC')
order by date_trunc($3, c.hour, 'UTC')
