-- What was booked for an order, in the order it was booked.
select t.ledger_tx_id, t.at, t.reason, e.account, e.currency, e.amount_minor, l.code as "link?", a.username as affiliate
from ledger_entry e
join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
join affiliate a on a.affiliate_id = e.affiliate_id
left join link l on l.vendor_id = e.vendor_id and l.link_id = e.link_id
where e.vendor_id = $1 and e.order_ref = $2
order by t.ledger_tx_id, e.affiliate_id, e.link_id,
         array_position(array['expense', 'pending', 'payable', 'cash'], e.account)
limit $3
