-- Human clicks of the whole programme on the days [$1, $2) by where people come from. Affiliates that are switched off are
-- left out, as in summary.sql.
select o.country, o.channel, sum(o.human_clicks)::bigint as "human_clicks!"
from click_daily_origin o
where o.day >= $1
  and o.day < $2
  and not exists (
      select from link l join affiliate a using (affiliate_id)
      where l.link_id = o.link_id and not a.is_active and tenant_affiliate() is null
  )
group by o.country, o.channel
