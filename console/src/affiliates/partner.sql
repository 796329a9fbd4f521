-- The affiliates $1 as their vendors see them. The role of a vendor may read no other column.
select affiliate_id,
       public_id,
       username,
       name,
       status,
       is_active,
       null::text as email,
       null::text as phone,
       country,
       bio,
       website,
       instagram,
       twitter,
       facebook,
       null::text as rejection_reason,
       null::timestamptz as approved_at,
       created_at,
       null::bigint as row_version
from affiliate
where affiliate_id = any($1)
