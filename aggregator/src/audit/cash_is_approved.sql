with paid as (
    -- transactions that move cash
    select t.vendor_id, t.idem, t.reason, e.affiliate_id, -sum(e.amount_minor) as minor
    from ledger_entry as e
    join ledger_tx as t using (ledger_tx_id)
    where e.account = 'cash'
    group by t.ledger_tx_id, e.affiliate_id
),
approved as (
    select l.vendor_id, 'payout:' || l.payout_batch_id || ':' || l.affiliate_id as idem, l.affiliate_id, l.amount_minor
    from payout_line as l
    join payout_batch as b using (payout_batch_id)
    where b.state in ('approved', 'paid')
)
-- Cash that nobody approved, or more of it than was.
select count(*) as "violations!"
from paid
left join approved using (vendor_id, idem, affiliate_id)
where paid.reason <> 'payout' or amount_minor is null or minor > amount_minor
