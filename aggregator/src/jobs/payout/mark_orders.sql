-- What became of a batch's orders.
update payout_order as o
set state = now.state
from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
    as now (vendor_id, affiliate_id, order_ref, link_id, state)
where o.payout_batch_id = $1 and o.vendor_id = now.vendor_id and o.affiliate_id = now.affiliate_id
  and o.order_ref = now.order_ref and o.link_id = now.link_id
