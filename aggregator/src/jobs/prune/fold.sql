-- Moves the clicks of a partition's oldest batches into its total, and says how many batches that were.
with old as (
    select seal
    from flush_batch
    where part = $1 and committed_at < $2
    order by committed_at
    limit $3
),
gone as (
    delete from flush_batch using old
    where flush_batch.seal = old.seal
    returning flush_batch.clicks
),
folded as (
    update flush_partition
    set pruned_clicks = pruned_clicks + (select coalesce(sum(clicks), 0) from gone)::bigint
    where part = $1 and exists (select from gone)
)
select count(*) as "batches!" from gone
