-- What is kept of the candidates of orders.
select named.place as "place!", c.candidate, c.kind, c.refused, c.link_id, c.click_at, c.visitor, c.channel, c.lane,
       c.seq, c.verdict
from unnest($1::bigint[], $2::text[]) with ordinality as named (vendor_id, order_ref, place)
join order_candidate as c using (vendor_id, order_ref)
