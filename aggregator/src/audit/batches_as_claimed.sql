-- Kept batches that counted something else than the journals claimed.
select count(*) as "violations!"
from flush_batch
where clicks <> claimed
