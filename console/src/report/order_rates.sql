-- Since when the rate of each item has been in force: the greatest `since` up to the order ($3), from where the rate
-- was taken. $4 is the credited affiliate.
select l.item_id,
       case l.rate_source
           when 'product' then (select max(p.since) from product_rate p
                                where p.vendor_id = l.vendor_id and p.product_id = l.product_id and p.since <= $3)
           when 'partnership' then (select max(p.since) from partnership_rate p
                                    where p.vendor_id = l.vendor_id and p.affiliate_id = $4 and p.since <= $3)
       end as since
from order_line l
where l.vendor_id = $1 and l.order_ref = $2
