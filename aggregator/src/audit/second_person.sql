-- Payouts that somebody decided who had asked for them, or that were paid without a decision.
select count(*) as "violations!"
from payout_batch
where decided_by = requested_by
   or (state in ('approved', 'paid') and decided_by is null)
