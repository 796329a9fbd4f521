-- Where the books stand for orders.
select named.place as "place!", e.affiliate_id, e.link_id, e.currency, e.account,
       sum(e.amount_minor)::bigint as "amount_minor!"
from unnest($1::bigint[], $2::text[]) with ordinality as named (vendor_id, order_ref, place)
join ledger_entry as e using (vendor_id, order_ref)
group by named.place, e.affiliate_id, e.link_id, e.currency, e.account
