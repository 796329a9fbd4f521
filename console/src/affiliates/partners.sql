-- One page of a vendor's partners, as list.sql, without what a vendor may not read: the search knows no addresses. A
-- vendor has few partners beside the affiliates of the programme, so they are found by partnership.
select affiliate_id
from affiliate
where affiliate_id = any(array(select p.affiliate_id from partnership p))
  and ($1::text is null or status = $1)
  and ($2::boolean is null or is_active = $2)
  and ($3::text is null or country = $3)
  and ($4::text is null
       or (username collate "C" >= $4 and username collate "C" < $5)
       or (lower(name) collate "C" >= $4 and lower(name) collate "C" < $5))
  and ($7::bigint is null
       or ($6::text = 'review' and ((status = 'pending'), created_at, affiliate_id) < ($8::boolean, $9::timestamptz, $7))
       or ($6 = 'newest' and (created_at, affiliate_id) < ($9, $7))
       or ($6 = 'oldest' and (created_at, affiliate_id) > ($9, $7))
       or ($6 = 'username' and username collate "C" > $10)
       or ($6 = 'name' and (lower(name) collate "C", affiliate_id) > ($11::text, $7)))
order by case when $6 = 'review' then (status = 'pending') end desc,
         case when $6 = 'oldest' then created_at end,
         case when $6 = 'username' then username collate "C" end,
         case when $6 = 'name' then lower(name) collate "C" end,
         case when $6 in ('oldest', 'name') then affiliate_id end,
         case when $6 in ('review', 'newest') then created_at end desc,
         case when $6 in ('review', 'newest') then affiliate_id end desc
limit $12
