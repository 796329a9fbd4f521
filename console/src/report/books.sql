-- Clicks counted and clicks claimed, by partition. Both tables have one row per partition and lane: a few thousand.
-- claim: what the journals of all lanes say they handed over.
with claim as (
    select part, sum(claim)::bigint as claimed from flush_watermark group by part
)
select p.part, p.clicks, coalesce(c.claimed, 0) as "claimed!", p.flushed_at
from flush_partition p
left join claim c using (part)
order by p.part
