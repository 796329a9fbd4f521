select code, product_id, product.name as product
from link_published
join product using (vendor_id, product_id)
where code like $1
  and is_active
  and (expiry_date is null or expiry_date > now() + interval '1 hour')
order by link_id
