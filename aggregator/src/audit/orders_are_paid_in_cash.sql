with cash as (
    select vendor_id, order_ref, -sum(amount_minor) as minor
    from ledger_entry
    where account = 'cash'
    group by vendor_id, order_ref
)
-- Orders that say to be paid something else than was, and are not about to be settled.
select count(*) as "violations!"
from customer_order as o
left join cash using (vendor_id, order_ref)
where o.paid_minor <> coalesce(cash.minor, 0)
  and not exists (select from order_due as d where d.vendor_id = o.vendor_id and d.order_ref = o.order_ref)
