-- Decides holds of before $2 at $1, most of them: which ones and how follows from their names.
with looked_at as (
    select vendor_id, order_ref, flag, abs(hashtext(order_ref || flag)::bigint) % 20 as lot
    from hold
    where state = 'open' and raised_at < $2
)
update hold as h
set state = case when lot < 13 then 'released' else 'confirmed' end,
    reviewed_by = $3,
    reviewed_at = $1,
    note = case when lot < 13 then 'the shop says that it was delivered and kept' else 'asked twice, no answer' end
from looked_at as l
where h.vendor_id = l.vendor_id and h.order_ref = l.order_ref and h.flag = l.flag and lot < 16
returning h.vendor_id, h.order_ref
