with entry as (
    select *
    from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::bigint[])
        as booked (vendor_id, idem, order_ref, affiliate_id, link_id, account, currency, amount_minor)
),
tx as (
    -- one for each order
    insert into ledger_tx (vendor_id, idem, reason, at)
    select distinct vendor_id, idem, 'settle', $9::timestamptz
    from entry
    returning ledger_tx_id, vendor_id, idem
)
insert into ledger_entry
    (ledger_tx_id, vendor_id, affiliate_id, link_id, order_ref, account, currency, amount_minor)
select tx.ledger_tx_id, entry.vendor_id, affiliate_id, link_id, order_ref, account, currency, amount_minor
from entry
join tx using (vendor_id, idem)
