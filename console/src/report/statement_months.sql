-- What moved an affiliate's account in one currency, month by month (UTC), oldest first. $3: only what this vendor owes.
select date_trunc('month', t.at, 'UTC') as "month!",
       coalesce(sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor > 0), 0)::bigint as "earned_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor < 0), 0)::bigint as "reversed_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'cash'), 0)::bigint as "paid_minor!"
from ledger_entry e
join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
where e.affiliate_id = $1 and e.currency = $2 and ($3::bigint is null or e.vendor_id = $3)
group by 1
order by 1
