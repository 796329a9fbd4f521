-- The demo's links, and from when to when each was tracked: until it was paused or expired, its affiliate suspended, or
-- the partnership ended.
select l.link_id as id,
       l.vendor_id,
       dense_rank() over (order by l.vendor_id) - 1 as vendor_nth,
       l.affiliate_id,
       dense_rank() over (order by l.affiliate_id) - 1 as affiliate_nth,
       a.email,
       a.country,
       l.product_id,
       l.created_at as began,
       least(
           l.expiry_date,
           (select min(since) from link_standing s where s.link_id = l.link_id and not s.is_active),
           (select min(since) from affiliate_standing s where s.affiliate_id = l.affiliate_id and not s.is_active),
           (select min(since) from partnership_standing s
            where s.vendor_id = l.vendor_id and s.affiliate_id = l.affiliate_id and s.status = 'inactive')
       ) as ended
from link l
join affiliate a using (affiliate_id)
where l.code like 'demo-%' and l.product_id is not null and a.email is not null and a.country is not null
order by l.link_id
