with booked as (
    -- where each affiliate stands with each order
    select vendor_id, order_ref, affiliate_id, link_id, currency,
           coalesce(sum(amount_minor) filter (where account = 'expense'), 0) as expense,
           coalesce(sum(amount_minor) filter (where account = 'pending'), 0) as pending,
           coalesce(sum(amount_minor) filter (where account in ('payable', 'cash')), 0) as payable_and_cash
    from ledger_entry
    group by vendor_id, order_ref, affiliate_id, link_id, currency
),
credited as (
    select vendor_id, order_ref, affiliate_id, link_id, currency, commission_minor
    from customer_order
    where commission_minor > 0
)
-- Whoever is credited is owed or was paid the commission, and nobody else has anything but what they give back.
select count(*) as "violations!"
from booked
full join credited using (vendor_id, order_ref, affiliate_id, link_id, currency)
where coalesce(expense, 0) <> coalesce(commission_minor, 0)
   or coalesce(pending + payable_and_cash, 0) <> -coalesce(commission_minor, 0)
   or (commission_minor is null and pending <> 0)
