-- Human clicks of the whole programme on the days [$1, $2) by what people hold. Affiliates that are switched off are left
-- out, as in summary.sql.
select p.device, p.browser, p.os, sum(p.human_clicks)::bigint as "human_clicks!"
from click_daily_platform p
where p.day >= $1
  and p.day < $2
  and not exists (
      select from link l join affiliate a using (affiliate_id)
      where l.link_id = p.link_id and not a.is_active and tenant_affiliate() is null
  )
group by p.device, p.browser, p.os
