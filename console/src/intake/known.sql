-- Whose orders are, as far as they were reported for the whole programme: $1 order references.
-- By vendor, because that is what the index of order_event begins with; a programme has few.
select e.order_ref,
       e.vendor_id,
       array(select item ->> 'item_id' from jsonb_array_elements(e.body -> 'items') item) as "items!"
from vendor v
join order_event e on e.vendor_id = v.vendor_id and e.order_ref = any($1::text[])
where exists (select from programme_event p where p.event_id = e.event_id)
