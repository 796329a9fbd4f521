-- What the items of the orders ($1, $2) are called: by the shop, as a product of ours, or by their number alone.
select o.order_id as "order_id!", coalesce(l.name, p.name, l.item_id) as "name!"
from unnest($1::bigint[], $2::text[]) as k (vendor_id, order_ref)
join customer_order o on o.vendor_id = k.vendor_id and o.order_ref = k.order_ref
join order_line l on l.vendor_id = k.vendor_id and l.order_ref = k.order_ref
left join product p on p.product_id = l.product_id
order by l.item_id
