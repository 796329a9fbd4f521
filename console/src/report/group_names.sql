-- What the affiliates, vendors, products or links $2 are called, by $1, with their names in addresses.
select affiliate_id as "id!", username as "name!", public_id as "address!", null::text as under
from affiliate where $1::text = 'affiliate' and affiliate_id = any($2::bigint[])
union all
select vendor_id, name, public_id, null from vendor where $1 = 'vendor' and vendor_id = any($2)
union all
select p.product_id, p.name, p.public_id, v.name
from product p join vendor v using (vendor_id) where $1 = 'product' and p.product_id = any($2)
union all
select l.link_id, l.code, l.code, coalesce(p.name, l.destination)
from link l left join product p using (product_id) where $1 = 'link' and l.link_id = any($2)
