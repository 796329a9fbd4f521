-- What lists say about the links $1. A link is tracked while it and everything it hangs on is active.
select l.link_id as "link_id!",
       l.code as "code!",
       l.vendor_id as "vendor_id!",
       v.name as "vendor!",
       a.username as "affiliate!",
       p.name as "product?",
       l.destination as "destination!",
       l.is_active as "is_active!",
       (l.is_active and v.is_active and a.is_active and a.status = 'approved') as "is_tracked!",
       l.expiry_date as "expiry_date?"
from link l
join vendor v using (vendor_id)
join affiliate a using (affiliate_id)
left join product p using (product_id)
where l.link_id = any($1)
