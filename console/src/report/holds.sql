-- Holds that fit, those that have waited longest first, after the place ($3, $4, $5). $6 and $7: of one order.
select o.order_id,
       h.order_ref,
       h.vendor_id,
       v.name as vendor,
       h.flag,
       h.reason,
       h.state,
       h.raised_at,
       h.reviewed_by,
       h.reviewed_at,
       h.note,
       o.status as order_status,
       o.currency,
       o.commission_minor,
       a.username as "affiliate?"
from hold h
join customer_order o using (vendor_id, order_ref)
join vendor v using (vendor_id)
left join affiliate a on a.affiliate_id = o.affiliate_id
where ($1::bigint is null or h.vendor_id = $1)
  and ($2::text is null or h.state = $2)
  and ($3::timestamptz is null or (h.raised_at, o.order_id, h.flag) > ($3, $4, $5))
  and ($6::text is null or o.order_id = $6)
  and ($7::text is null or h.flag = $7)
order by h.raised_at, o.order_id, h.flag
limit $8
