-- A product of an earlier version has no price of its own.
select l.code, l.product_id, p.name as product, coalesce(p.price_minor, 2990) as price_minor
from link_published l
join product p using (vendor_id, product_id)
where l.code like $1
  and l.is_active
  and (l.expiry_date is null or l.expiry_date > now() + interval '1 hour')
order by l.link_id
