with reported as (
    select vendor_id, order_ref, count(*) as events
    from order_event
    where parked is null
    group by vendor_id, order_ref
),
unfolded as (
    -- orders that were settled without all that was reported about them
    select vendor_id, order_ref
    from reported
    full join customer_order as o using (vendor_id, order_ref)
    where coalesce(reported.events, 0) <> coalesce(o.event_count, 0)
)
-- Those of them that are not about to be settled again.
select count(*) as "violations!"
from unfolded as u
where not exists (select from order_due as d where d.vendor_id = u.vendor_id and d.order_ref = u.order_ref)
