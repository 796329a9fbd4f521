-- Orders that fit every filter that is given, newest first, after the place ($8, $9). Abandoned ones, which have no
-- time, stand at the epoch and so come last; a span leaves them out.
select o.order_id,
       o.order_ref,
       o.vendor_id,
       v.name as vendor,
       o.status,
       o.currency,
       o.net_minor,
       o.refunded_minor,
       o.commission_minor,
       o.paid_minor,
       l.code as "link?",
       o.affiliate_id,
       a.username as "affiliate?",
       o.credited_by,
       o.not_credited,
       o.click_at,
       o.channel,
       o.placed_at,
       o.completed_at,
       o.matures_at,
       o.is_held,
       o.settled_at
from customer_order o
join vendor v using (vendor_id)
left join link l on l.vendor_id = o.vendor_id and l.link_id = o.link_id
left join affiliate a on a.affiliate_id = o.affiliate_id
where ($1::bigint is null or o.vendor_id = $1)
  and ($2::bigint is null or o.affiliate_id = $2)
  and ($3::text is null or l.code = $3)
  and ($4::text is null or o.status = $4)
  and ($5::text is null or o.currency = $5)
  and ($6::timestamptz is null or coalesce(o.placed_at, o.completed_at, timestamptz 'epoch') >= $6)
  and ($7::timestamptz is null or coalesce(o.placed_at, o.completed_at, timestamptz 'epoch') < $7)
  and ($8::timestamptz is null
       or (coalesce(o.placed_at, o.completed_at, timestamptz 'epoch'), o.order_id) < ($8, $9))
  and ($10::text is null or o.order_id = $10)
  and ($12::boolean is null or o.is_held = $12)
  and ($13::text is null or (o.vendor_id, o.order_ref) in (select s.vendor_id, $13 from vendor s)) -- by the primary key
order by coalesce(o.placed_at, o.completed_at, timestamptz 'epoch') desc, o.order_id desc
limit $11
