-- Decides one hold that is still open. Of two people who decide at once one finds it decided.
update hold h
set state = $4, reviewed_by = $5, reviewed_at = $6, note = $7
from customer_order o
where o.order_id = $1 and ($2::bigint is null or o.vendor_id = $2)
  and h.vendor_id = o.vendor_id and h.order_ref = o.order_ref and h.flag = $3 and h.state = 'open'
returning h.vendor_id, h.order_ref
