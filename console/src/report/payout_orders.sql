-- The orders of a batch, line by line. What is owed is positive here: the ledger's sign is turned.
select p.vendor_id,
       p.affiliate_id,
       o.order_id,
       p.order_ref,
       l.code as "link?",
       -p.payable_minor as "owed_minor!",
       p.state
from payout_order p
join customer_order o using (vendor_id, order_ref)
left join link l on l.vendor_id = p.vendor_id and l.link_id = p.link_id
where p.payout_batch_id = $1
order by p.vendor_id, p.affiliate_id, p.order_ref, p.link_id
limit $2
