with payable as (
    select vendor_id, affiliate_id, order_ref, link_id, sum(amount_minor)::bigint as payable_minor
    from ledger_entry
    where account = 'payable' and currency = $1 and ($2::bigint is null or vendor_id = $2)
    group by vendor_id, affiliate_id, order_ref, link_id
    having sum(amount_minor) <> 0
)
-- What is payable and not on its way in another batch, and what is known of the affiliate. Of a held order only what
-- is to be taken back is collected.
select p.vendor_id as "vendor_id!", p.affiliate_id as "affiliate_id!", p.order_ref as "order_ref!",
       p.link_id as "link_id!", p.payable_minor as "payable_minor!",
       a.status = 'approved' as "is_approved!", b.changed_at as "account_changed_at?"
from payable as p
join customer_order as o using (vendor_id, order_ref)
join affiliate as a on a.affiliate_id = p.affiliate_id
left join bank_account as b on b.affiliate_id = p.affiliate_id
where (not o.is_held or p.payable_minor > 0)
  and not exists (
      select from payout_order as other
      join payout_batch as batch using (payout_batch_id)
      where other.vendor_id = p.vendor_id and other.order_ref = p.order_ref
        and other.state = 'collected' and batch.state in ('open', 'approved')
  )
