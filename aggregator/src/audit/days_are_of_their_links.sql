-- Days of orders that say they are another's than their link is.
select count(*) as "violations!"
from order_daily d
join link l using (link_id)
where (d.vendor_id, d.affiliate_id, d.product_id) is distinct from (l.vendor_id, l.affiliate_id, l.product_id)
