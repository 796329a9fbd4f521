-- The next links by id. The names say that nothing but these three can be null, which the view does not tell.
select link_id as "link_id!", code as "code!", vendor_id as "vendor_id!", affiliate_id as "affiliate_id!",
       product_id as "product_id?", destination as "destination!", fallback_url as "fallback_url?",
       expiry_date as "expiry_date?", version as "version!", is_active as "is_active!"
from link_published
where link_id > $1
order by link_id
limit $2
