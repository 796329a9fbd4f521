-- Takes up to $2 deliveries that are due at $1, none to the targets $3, and holds them until $4.
with due as (
    select d.message_id, d.target_id
    from webhook_delivery d
    join webhook_target t using (target_id)
    where d.next_attempt_at <= $1 and t.disabled_at is null and t.target_id <> all($3::text[])
    order by d.next_attempt_at
    limit $2
    for update of d skip locked
)
update webhook_delivery d
set attempts = d.attempts + 1, next_attempt_at = $4
from due
join webhook_target t using (target_id)
join webhook_message m using (message_id)
where d.message_id = due.message_id and d.target_id = due.target_id
returning d.message_id,
          d.target_id,
          d.attempts,
          t.url,
          t.sealed_secret,
          case when t.old_secret_until > $1 then t.old_sealed_secret end as old_sealed_secret,
          m.payload::text as "payload!"
