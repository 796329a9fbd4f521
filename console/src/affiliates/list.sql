-- One page of affiliates for operators: those that fit $1 (status), $2 (is_active), $3 (country) and begin with $4 (below
-- $5), or were found by that (search.sql) and are named in $13, in the order $6, after the affiliate $7 whose place is $8 to
-- $11. Filters that are not given and orders that were
-- not asked for are folded away when the statement is planned, so each combination goes by its own index.
select affiliate_id
from affiliate
where ($1::text is null or status = $1)
  and ($2::boolean is null or is_active = $2)
  and ($3::text is null or country = $3)
  and ($4::text is null
       or (username collate "C" >= $4 and username collate "C" < $5)
       or (lower(name) collate "C" >= $4 and lower(name) collate "C" < $5)
       or (lower(email) collate "C" >= $4 and lower(email) collate "C" < $5))
  and ($13::bigint[] is null or affiliate_id = any ($13))
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
