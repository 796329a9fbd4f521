-- One batch for each partition and day, as record_batch.sql of the flush writes it, and all of them on the partitions'
-- totals.
with batch as (
    insert into flush_batch (seal, part, clicks, claimed, row_count, lanes, base, upto, committed_at)
    select 'demo-' || part || '-' || upto, part, clicks, clicks, row_count, array[$4::integer], array[base], array[upto],
           committed_at
    from unnest($1::smallint[], $2::bigint[], $3::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
        as b (part, clicks, row_count, base, upto, committed_at)
    returning part, clicks, committed_at
),
total as (
    select part, sum(clicks)::bigint as clicks, max(committed_at) as flushed_at
    from batch
    group by part
)
update flush_partition as p
set clicks = p.clicks + total.clicks, flushed_at = greatest(p.flushed_at, total.flushed_at)
from total
where p.part = total.part
