-- One affiliate's account in one currency over [$3, $4), vendor by vendor. What is owed is pending and payable, with
-- the ledger's sign turned; expense and cash are what moved it.
select e.vendor_id,
       v.name as vendor,
       coalesce(-sum(e.amount_minor) filter (where e.account in ('pending', 'payable') and t.at < $3), 0)::bigint as "opening_minor!",
       coalesce(sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor > 0 and t.at >= $3), 0)::bigint as "earned_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor < 0 and t.at >= $3), 0)::bigint as "reversed_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'cash' and t.at >= $3), 0)::bigint as "paid_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'pending'), 0)::bigint as "pending_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'payable'), 0)::bigint as "payable_minor!"
from ledger_entry e
join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
join vendor v on v.vendor_id = e.vendor_id
where e.affiliate_id = $1 and e.currency = $2 and t.at < $4 and ($5::bigint is null or e.vendor_id = $5)
group by e.vendor_id, v.name
order by e.vendor_id
