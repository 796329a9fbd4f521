-- Affiliates whose username, name or address begins with $1 (below $2), for operators: at most $3 by each, found by its index.
(select affiliate_id as "affiliate_id!"
 from affiliate
 where username collate "C" >= $1::text and username collate "C" < $2::text
 order by username collate "C"
 limit $3)
union
(select affiliate_id
 from affiliate
 where lower(name) collate "C" >= $1 and lower(name) collate "C" < $2
 order by lower(name) collate "C"
 limit $3)
union
(select affiliate_id
 from affiliate
 where lower(email) collate "C" >= $1 and lower(email) collate "C" < $2 and email is not null
 order by lower(email) collate "C"
 limit $3)
