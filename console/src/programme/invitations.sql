-- Invitations that fit, newest first, before the place ($5, $6). $1: this one. The times make the status.
with told as (
    select i.*,
           case
               when accepted_at is not null then 'accepted'
               when revoked_at is not null then 'revoked'
               when expires_at <= statement_timestamp() then 'expired'
               when opened_at is not null then 'opened'
               else 'sent'
           end as status
    from invitation i
)
select i.invitation_id as "invitation_id!",
       i.email as "email!",
       v.public_id as "vendor_id?",
       v.name as "vendor_name?",
       i.rate_ppm,
       i.message as "message!",
       i.status as "status!",
       i.invited_by as "invited_by!",
       i.sent_at as "sent_at!",
       i.expires_at as "expires_at!",
       i.opened_at,
       i.accepted_at,
       i.revoked_at,
       a.public_id as "affiliate_id?",
       i.vendor_id as vendor_number,
       i.row_version as "row_version!"
from told i
left join vendor v on v.vendor_id = i.vendor_id
left join affiliate a on a.affiliate_id = i.affiliate_id
where ($1::text is null or i.invitation_id = $1)
  and ($2::bigint is null or i.vendor_id = $2)
  and ($3::text is null or i.email = $3)
  and ($4::text is null or i.status = $4)
  and ($5::timestamptz is null or (i.sent_at, i.invitation_id) < ($5, $6))
order by i.sent_at desc, i.invitation_id desc
limit $7
