-- Every click and coupon the order came with. A link of another vendor is named to the programme ($3 null) only.
select c.kind,
       c.candidate,
       c.refused,
       c.verdict,
       c.click_at,
       c.channel,
       l.code as "link?",
       a.affiliate_id as "affiliate_id?",
       a.username as "affiliate?"
from order_candidate c
left join link l on l.link_id = c.link_id and ($3::bigint is null or l.vendor_id = $3)
left join affiliate a on a.affiliate_id = l.affiliate_id
where c.vendor_id = $1 and c.order_ref = $2
order by c.kind, c.click_at nulls last, c.seq, c.candidate
limit $4
