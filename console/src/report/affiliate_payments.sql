-- Payments to an affiliate, newest first: one row for each booking, vendor and currency.
select t.at, v.name as vendor, e.currency, -sum(e.amount_minor)::bigint as "paid_minor!", count(distinct e.order_ref) as "orders!"
from ledger_entry e
join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
join vendor v on v.vendor_id = e.vendor_id
where e.affiliate_id = $1 and e.account = 'cash'
group by t.ledger_tx_id, t.at, v.name, e.currency
order by t.at desc, t.ledger_tx_id desc
limit $2
