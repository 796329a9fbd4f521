with expense as (
    select vendor_id, order_ref, sum(amount_minor) as expense
    from ledger_entry
    where account = 'expense'
    group by vendor_id, order_ref
)
-- Orders whose expense is not their commission, or more than what remains of them.
select count(*) as "violations!"
from customer_order
left join expense using (vendor_id, order_ref)
where coalesce(expense, 0) <> commission_minor
   or commission_minor > net_minor - refunded_minor
