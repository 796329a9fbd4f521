-- One row for the bucket that is being added, and its clicks on the partition's total.
with batch as (
    insert into flush_batch (seal, part, clicks, claimed, row_count, lanes, base, upto)
    values ($1, $2, $3, $4, $5, $6::integer[], $7::bigint[], $8::bigint[])
    returning part, clicks
)
update flush_partition
set clicks = flush_partition.clicks + batch.clicks, flushed_at = now()
from batch
where flush_partition.part = batch.part
