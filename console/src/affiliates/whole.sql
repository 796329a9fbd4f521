-- The affiliates $1 with everything they told and everything that was decided about them.
select affiliate_id,
       public_id,
       username,
       name,
       status,
       is_active,
       email,
       phone,
       country,
       bio,
       website,
       instagram,
       twitter,
       facebook,
       rejection_reason,
       approved_at,
       created_at,
       row_version as "row_version?"
from affiliate
where affiliate_id = any($1)
