-- Batches that fit, newest first, after the place ($4, $5), with the sums of their lines. $6: one batch.
select b.payout_batch_id,
       b.vendor_id,
       v.name as "vendor?",
       b.currency,
       b.minimum_minor,
       b.state,
       b.requested_by,
       b.requested_at,
       b.collected_at,
       b.decided_by,
       b.decided_at,
       b.note,
       b.paid_at,
       s.lines as "lines!",
       s.amount as "amount_minor!",
       s.paid as "paid_minor!"
from payout_batch b
left join vendor v using (vendor_id)
cross join lateral (
    select count(*) as lines, coalesce(sum(amount_minor), 0)::bigint as amount, coalesce(sum(paid_minor), 0)::bigint as paid
    from payout_line l where l.payout_batch_id = b.payout_batch_id
) s
where ($1::bigint is null or b.vendor_id = $1)
  and ($2::text is null or b.state = $2)
  and ($3::text is null or b.currency = $3)
  and ($4::timestamptz is null or (b.requested_at, b.payout_batch_id) < ($4, $5))
  and ($6::text is null or b.payout_batch_id = $6)
order by b.requested_at desc, b.payout_batch_id desc
limit $7
