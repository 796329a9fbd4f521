-- What was collected for some lines of a batch, and what is payable now.
select c.vendor_id, c.affiliate_id, c.order_ref, c.link_id, c.payable_minor as collected_minor,
       coalesce((
           select sum(e.amount_minor)
           from ledger_entry as e
           where e.vendor_id = c.vendor_id and e.order_ref = c.order_ref and e.affiliate_id = c.affiliate_id
             and e.link_id = c.link_id and e.account = 'payable' and e.currency = $4
       ), 0)::bigint as "payable_minor!"
from unnest($2::bigint[], $3::bigint[]) as line (vendor_id, affiliate_id)
join payout_order as c using (vendor_id, affiliate_id)
where c.payout_batch_id = $1
order by c.vendor_id, c.affiliate_id, c.order_ref, c.link_id
