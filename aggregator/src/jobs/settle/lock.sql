-- Locks orders in the order of their keys and says how they were left.
select o.vendor_id, o.order_ref, o.status, o.currency, o.net_minor, o.refunded_minor, o.commission_minor,
       o.link_id, o.affiliate_id, o.credited_by, o.not_credited, o.placed_at, o.completed_at, o.ledger_tx_count,
       o.settled_at
from unnest($1::bigint[], $2::text[]) as named (vendor_id, order_ref)
join customer_order as o using (vendor_id, order_ref)
order by o.vendor_id, o.order_ref
for no key update of o
