with booked as (
    select vendor_id, order_ref, coalesce(sum(amount_minor) filter (where account = 'payable'), 0) as payable
    from ledger_entry
    group by vendor_id, order_ref
    having count(*) filter (where account = 'cash') = 0
)
-- Held orders of which something is payable though nothing was ever paid, and orders that are not held though
-- somebody has yet to look at them.
select count(*) as "violations!"
from customer_order as o
left join booked using (vendor_id, order_ref)
where (o.is_held and booked.payable <> 0)
   or (not o.is_held and exists (
           select from hold as h
           where h.vendor_id = o.vendor_id and h.order_ref = o.order_ref and h.state <> 'released'
       ) and not exists (select from order_due as d where d.vendor_id = o.vendor_id and d.order_ref = o.order_ref))
