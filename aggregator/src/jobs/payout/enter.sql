with entry as (
    select *
    from unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::bigint[])
        as booked (vendor_id, affiliate_id, link_id, order_ref, account, amount_minor)
),
tx as (
    -- one for each line; that a line has been booked shows by its name, which cannot be written twice
    insert into ledger_tx (vendor_id, idem, reason, at)
    select distinct vendor_id, 'payout:' || $1::text || ':' || affiliate_id, 'payout', $3::timestamptz
    from entry
    returning ledger_tx_id, vendor_id, idem
)
insert into ledger_entry
    (ledger_tx_id, vendor_id, affiliate_id, link_id, order_ref, account, currency, amount_minor)
select tx.ledger_tx_id, entry.vendor_id, affiliate_id, link_id, order_ref, account, $2::text, amount_minor
from entry
join tx on tx.vendor_id = entry.vendor_id and tx.idem = 'payout:' || $1::text || ':' || entry.affiliate_id
