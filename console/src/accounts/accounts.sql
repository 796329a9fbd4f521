-- Accounts that fit, newest first, after the place ($5, $6). $1: one account.
select a.account_id as "account_id!",
       a.email as "email!",
       a.name as "name!",
       a.role as "role!",
       v.public_id as "vendor?",
       f.public_id as "affiliate?",
       a.vendor_id as "vendor_id?",
       a.affiliate_id as "affiliate_id?",
       a.password_hash is not null as "has_password!",
       a.totp_sealed is not null as "has_totp!",
       a.email_verified_at as "email_verified_at?",
       a.disabled_at as "disabled_at?",
       a.created_at as "created_at!",
       a.row_version as "row_version!"
from account a
left join vendor v on v.vendor_id = a.vendor_id
left join affiliate f on f.affiliate_id = a.affiliate_id
where ($1::text is null or a.account_id = $1)
  and ($2::text is null or a.role = $2)
  and ($3::boolean is null or (a.disabled_at is not null) = $3)
  and ($4::text is null or a.email = $4)
  and ($5::timestamptz is null or (a.created_at, a.account_id) < ($5, $6))
order by a.created_at desc, a.account_id desc
limit $7
