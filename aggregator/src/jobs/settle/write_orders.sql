-- Writes what orders came to.
update customer_order as o
set status = now.status, currency = now.currency, net_minor = now.net_minor, refunded_minor = now.refunded_minor,
    commission_minor = now.commission_minor, paid_minor = now.paid_minor, link_id = now.link_id,
    affiliate_id = now.affiliate_id, credited_by = now.credited_by, not_credited = now.not_credited,
    click_at = now.click_at, channel = now.channel, placed_at = now.placed_at, completed_at = now.completed_at,
    matures_at = now.matures_at, is_held = now.is_held, event_count = now.event_count,
    ledger_tx_count = now.ledger_tx_count, settled_at = $21::timestamptz
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::text[], $12::text[], $13::timestamptz[], $14::smallint[],
            $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::boolean[], $19::integer[], $20::integer[])
    as now (vendor_id, order_ref, status, currency, net_minor, refunded_minor, commission_minor, paid_minor,
            link_id, affiliate_id, credited_by, not_credited, click_at, channel,
            placed_at, completed_at, matures_at, is_held, event_count, ledger_tx_count)
where o.vendor_id = now.vendor_id and o.order_ref = now.order_ref
