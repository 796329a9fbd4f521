-- Partitions whose total is not the sum of their batches, kept and pruned.
select count(*) as "violations!"
from flush_partition as p
where p.clicks <> p.pruned_clicks + (select coalesce(sum(b.clicks), 0) from flush_batch as b where b.part = p.part)
