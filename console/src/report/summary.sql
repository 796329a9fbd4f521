-- Clicks of all that the caller sees in [$1, $2), in buckets of $3 (hour, day, week or month, UTC). Affiliates that are
-- switched off are left out while they are, but not of what they see of themselves.
-- open: the spans of days that were not rolled up, or have changed since. Their rows are read by the index on hour: all of
-- them lie in [$4, $5), in one span ($6) or several. That is said apart, as Postgres plans by what it knows beforehand.
-- An affiliate's own links are few: their hours are read by the primary key.
with open as materialized (
    select begins, ends
    from rollup_open('clicks', ($1::timestamptz at time zone 'UTC')::date,
                     (($2::timestamptz - interval '1 microsecond') at time zone 'UTC')::date + 1)
    where tenant_affiliate() is null
), counted as (
    select r.hour, r.human_clicks, r.filtered_clicks
    from rollup_click r
    where tenant_affiliate() is null
      and r.vendor_id = coalesce(tenant_vendor(), 0)
      and r.hour >= $1
      and r.hour < $2
      and not exists (select from open where (r.hour at time zone 'UTC')::date >= begins and (r.hour at time zone 'UTC')::date < ends)
    union all
    select c.hour, c.human_clicks, c.filtered_clicks
    from click_hourly c
    where tenant_affiliate() is null
      and c.hour >= greatest($1, $4::date::timestamp at time zone 'UTC')
      and c.hour < least($2, $5::date::timestamp at time zone 'UTC')
      and ($6 or exists (select from open where (c.hour at time zone 'UTC')::date >= begins and (c.hour at time zone 'UTC')::date < ends))
      and not exists (
          select from link l join affiliate a using (affiliate_id) where l.link_id = c.link_id and not a.is_active
      )
    union all
    select c.hour, c.human_clicks, c.filtered_clicks
    from click_hourly c
    where tenant_affiliate() is not null
      and c.link_id = any (array(select link_id from link where affiliate_id = tenant_affiliate()))
      and c.hour >= $1
      and c.hour < $2
)
select date_trunc($3, hour, 'UTC') as "start!",
       sum(human_clicks)::bigint as "human_clicks!",
       sum(filtered_clicks)::bigint as "filtered_clicks!"
from counted
group by date_trunc($3, hour, 'UTC')
order by date_trunc($3, hour, 'UTC')
