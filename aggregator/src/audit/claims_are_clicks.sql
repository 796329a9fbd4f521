-- Partitions where the journals claim something else than was counted.
select count(*) as "violations!"
from flush_partition as p
where p.clicks <> (select coalesce(sum(w.claim), 0) from flush_watermark as w where w.part = p.part)
