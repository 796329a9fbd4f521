-- Orders of the demo's past that are in the queue, which are taken out of it, and those whose commission matures at $1.
with taken as (
    delete from order_due
    where order_ref like 'DEMO-P%'
    returning vendor_id, order_ref
)
select vendor_id, order_ref
from taken
union
select vendor_id, order_ref
from customer_order
where matures_at <= $1 and order_ref like 'DEMO-P%'
