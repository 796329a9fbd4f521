with paid as (
    select t.vendor_id, t.idem, -sum(e.amount_minor) as minor
    from ledger_entry as e
    join ledger_tx as t using (ledger_tx_id)
    where e.account = 'cash'
    group by t.vendor_id, t.idem
)
-- Lines that say to have paid something else than was booked.
select count(*) as "violations!"
from payout_line as l
left join paid on paid.vendor_id = l.vendor_id
    and paid.idem = 'payout:' || l.payout_batch_id || ':' || l.affiliate_id
where coalesce(l.paid_minor, 0) <> coalesce(paid.minor, 0)
