-- Locks the orders of some lines of a batch in the order of their keys.
select o.vendor_id, o.order_ref
from customer_order as o
where (o.vendor_id, o.order_ref) in (
    select c.vendor_id, c.order_ref
    from unnest($2::bigint[], $3::bigint[]) as line (vendor_id, affiliate_id)
    join payout_order as c using (vendor_id, affiliate_id)
    where c.payout_batch_id = $1
)
order by o.vendor_id, o.order_ref
for no key update of o
