-- What each affiliate gets from each vendor in a batch, and of how many orders.
select l.vendor_id,
       v.name as vendor,
       l.affiliate_id,
       a.username as affiliate,
       a.name as affiliate_name,
       l.amount_minor,
       l.paid_minor,
       (select count(*) from payout_order o
        where o.payout_batch_id = l.payout_batch_id and o.vendor_id = l.vendor_id and o.affiliate_id = l.affiliate_id) as "orders!"
from payout_line l
join vendor v using (vendor_id)
join affiliate a using (affiliate_id)
where l.payout_batch_id = $1
order by l.vendor_id, l.affiliate_id
limit $2
