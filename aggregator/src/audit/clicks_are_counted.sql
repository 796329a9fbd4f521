-- Whether all partitions together have other clicks than all hours together: 0 or 1. Links know no partition here.
select ((select coalesce(sum(clicks), 0) from flush_partition)
     <> (select coalesce(sum(human_clicks + filtered_clicks), 0) from click_hourly))::int::bigint as "violations!"
