-- Links that fit, newest first, before the number $7. $1: this one. $6: codes that begin so, and destinations that hold it.
with standing as (
    select l.link_id as number,
           l.code,
           v.public_id as vendor_id,
           v.name as vendor_name,
           p.public_id as product_id,
           p.name as product_name,
           a.public_id as affiliate_id,
           a.username as affiliate,
           l.destination,
           l.is_active,
           case
               when not l.is_active then 'link'
               when not a.is_active or a.status <> 'approved' then 'affiliate'
               when s.status <> 'active' then 'partnership'
               when not v.is_active then 'vendor'
           end as paused_by,
           l.expiry_date,
           l.created_at,
           l.vendor_id as vendor_number,
           l.affiliate_id as affiliate_number,
           l.product_id as product_number,
           l.version
    from link l
    join vendor v using (vendor_id)
    join affiliate a using (affiliate_id)
    join partnership s using (vendor_id, affiliate_id)
    left join product p on p.product_id = l.product_id
),
told as (
    select *,
           case
               when paused_by is not null then 'paused'
               when expiry_date <= statement_timestamp() then 'expired'
               else 'active'
           end as status
    from standing
)
select number as "number!",
       code as "code!",
       vendor_id as "vendor_id!",
       vendor_name as "vendor_name!",
       product_id as "product_id?",
       product_name as "product_name?",
       affiliate_id as "affiliate_id!",
       affiliate as "affiliate!",
       destination as "destination!",
       is_active as "is_active!",
       status as "status!",
       paused_by as "paused_by?",
       expiry_date,
       created_at as "created_at!",
       vendor_number as "vendor_number!",
       affiliate_number as "affiliate_number!",
       product_number,
       version as "version!"
from told
where ($1::text is null or code = $1)
  and ($2::bigint is null or vendor_number = $2)
  and ($3::bigint is null or affiliate_number = $3)
  and ($4::bigint is null or product_number = $4)
  and ($5::text is null or status = $5)
  and ($6::text is null or starts_with(code, $6) or position(lower($6) in lower(destination)) > 0)
  and ($7::bigint is null or number < $7)
order by number desc
limit $8
