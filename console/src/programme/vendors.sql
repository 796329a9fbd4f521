-- Vendors that fit, newest first, before the number $4. $1: this one. $3: names that hold it.
select public_id as vendor_id,
       name,
       website,
       fallback_url,
       allowed_hosts,
       allows_http,
       is_active,
       created_at,
       vendor_id as number,
       row_version
from vendor
where ($1::text is null or public_id = $1)
  and ($2::boolean is null or is_active = $2)
  and ($3::text is null or position(lower($3) in lower(name)) > 0)
  and ($4::bigint is null or vendor_id < $4)
order by vendor.vendor_id desc -- not the name it is shown under
limit $5
