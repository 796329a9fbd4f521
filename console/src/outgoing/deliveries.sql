-- Deliveries to the target $1, newest first, before the place ($4, $5). $2: of this message.
with told as (
    select d.*,
           m.topic,
           m.created_at,
           case
               when d.delivered_at is not null then 'delivered'
               when d.next_attempt_at is null then 'given_up'
               else 'pending'
           end as status
    from webhook_delivery d
    join webhook_message m using (message_id)
    where d.target_id = $1
)
select message_id as "message_id!",
       topic as "topic!",
       status as "status!",
       attempts as "attempts!",
       next_attempt_at,
       delivered_at,
       last_status,
       last_error,
       created_at as "created_at!"
from told
where ($2::text is null or message_id = $2)
  and ($3::text is null or status = $3)
  and ($4::timestamptz is null or (created_at, message_id) < ($4, $5))
order by created_at desc, message_id desc
limit $6
