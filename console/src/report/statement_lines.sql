-- The bookings of one affiliate in one currency over [$3, $4), one row for each order and link, as they were booked,
-- after the place ($6, $7, $8, $9).
select t.ledger_tx_id,
       t.at,
       t.reason,
       e.vendor_id,
       e.order_ref,
       e.link_id,
       o.order_id,
       l.code as "link?",
       coalesce(sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor > 0), 0)::bigint as "earned_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'expense' and e.amount_minor < 0), 0)::bigint as "reversed_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'cash'), 0)::bigint as "paid_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'pending'), 0)::bigint as "pending_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'payable'), 0)::bigint as "payable_minor!"
from ledger_entry e
join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
join customer_order o on o.vendor_id = e.vendor_id and o.order_ref = e.order_ref
left join link l on l.vendor_id = e.vendor_id and l.link_id = e.link_id
where e.affiliate_id = $1 and e.currency = $2 and t.at >= $3 and t.at < $4 and ($5::bigint is null or e.vendor_id = $5)
  and ($6::timestamptz is null or (t.at, t.ledger_tx_id, e.link_id, e.order_ref) > ($6, $7, $8, $9))
group by t.ledger_tx_id, t.at, t.reason, e.vendor_id, e.order_ref, e.link_id, o.order_id, l.code
order by t.at, t.ledger_tx_id, e.link_id, e.order_ref
limit $10
