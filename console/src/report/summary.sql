-- Clicks of all that the caller sees in [$1, $2), in buckets of $3 (hour, day, week or month, UTC). Affiliates that are
-- switched off are left out while they are, but not of what they see of themselves.
-- $4: an affiliate reads its own links, which are few, by the primary key. Else the days of vendor $5 (0: the programme) are
-- rolled up, but for the open ones $6, of which hours before $7 are, too. Rows of the others are read by the index on hour: all
-- lie in [$7, $8), with no other day in between ($9) or some.
with counted as (
    select r.hour, r.human_clicks, r.filtered_clicks
    from rollup_click r
    where not $4::boolean
      and r.vendor_id = $5
      and r.hour >= $1
      and r.hour < $2
      and (r.hour < $7::timestamptz or (r.hour at time zone 'UTC')::date <> all ($6::date[]))
    union all
    select c.hour, sum(c.human_clicks)::bigint, sum(c.filtered_clicks)::bigint
    from click_hourly c
    where not $4
      and greatest($1, $7) < least($2, $8::date::timestamp at time zone 'UTC') -- else the index is asked for nothing
      and c.hour >= greatest($1, $7)
      and c.hour < least($2, $8::timestamp at time zone 'UTC')
      and ($9 or (c.hour at time zone 'UTC')::date = any ($6))
      and not exists (
          select from link l join affiliate a using (affiliate_id) where l.link_id = c.link_id and not a.is_active
      )
    group by c.hour
    union all
    select c.hour, sum(c.human_clicks)::bigint, sum(c.filtered_clicks)::bigint
    from click_hourly c
    where $4
      and c.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and c.hour >= $1
      and c.hour < $2
    group by c.hour
)
select date_trunc($3, hour, 'UTC') as "start!",
       sum(human_clicks)::bigint as "human_clicks!",
       sum(filtered_clicks)::bigint as "filtered_clicks!"
from counted
group by date_trunc($3, hour, 'UTC')
order by date_trunc($3, hour, 'UTC')
