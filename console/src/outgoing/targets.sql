-- Targets, newest first, before the place ($2, $3). $1: this one.
select t.target_id,
       v.public_id as "vendor_id?",
       t.url,
       t.topics,
       t.disabled_at,
       t.disabled_reason,
       t.consecutive_failures,
       case when t.old_secret_until > statement_timestamp() then t.old_secret_until end as old_secret_until,
       t.created_at,
       t.vendor_id as vendor_number,
       t.row_version
from webhook_target t
left join vendor v on v.vendor_id = t.vendor_id
where ($1::text is null or t.target_id = $1)
  and ($2::timestamptz is null or (t.created_at, t.target_id) < ($2, $3))
order by t.created_at desc, t.target_id desc
limit $4
