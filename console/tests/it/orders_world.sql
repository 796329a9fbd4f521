-- Orders as the aggregator would have written them, over programme.sql: two vendors, whose orders bear the same names.
insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes) values
    ('programme', null, 'Ada Auditor', sha256('s-programme'), array['reports:read', 'holds:review', 'payouts:write', 'payouts:approve']),
    ('nordlicht', 1, 'Nora Nordlicht', sha256('s-nordlicht'), array['reports:read', 'holds:review', 'payouts:write', 'payouts:approve']),
    ('secondvendor', 2, 'Sven Second', sha256('s-secondvendor'), array['reports:read', 'holds:review', 'payouts:write', 'payouts:approve']),
    ('overseer', null, 'Otto Overseer', sha256('s-overseer'), array['payouts:approve']),
    ('reader00', null, 'Rita Reader', sha256('s-reader00'), array['reports:read']),
    ('reviewer', null, 'Rob Reviewer', sha256('s-reviewer'), array['holds:review']),
    ('shop0000', 1, 'The shop', sha256('s-shop0000'), array['orders:write']),
    ('revoked0', null, 'Gone', sha256('s-revoked0'), array['reports:read']);
update api_key set revoked_at = now() where api_key_id = 'revoked0';

insert into partnership_rate values
    (1, 1, '2026-01-01', 100000), (1, 1, '2026-06-01', 125000), (1, 1, '2026-12-01', 200000),
    (1, 2, '2026-01-01', 50000), (2, 2, '2026-01-01', 80000);
insert into product_rate values (1, 1, '2026-03-01', 100000);

-- What shops reported. A-1001 came for the whole programme and has a part at each vendor.
create function pg_temp.ms(at timestamptz) returns bigint language sql as $$ select (extract(epoch from at) * 1000)::bigint $$;
create function pg_temp.report(vendor bigint, event text, ref text, kind text, at timestamptz, more jsonb, sha text, parked text)
returns void language sql as $$
    insert into order_event (vendor_id, event_id, order_ref, kind, occurred_at, received_at, source, body, body_sha256, parked)
    values (vendor, event, ref, kind, at, at + interval '1 second', 'api',
            jsonb_build_object('event_id', event, 'order_ref', ref, 'kind', kind, 'occurred_at', pg_temp.ms(at)) || more,
            sha256(convert_to(sha, 'UTF8')), parked)
$$;
select pg_temp.report(1, 'evt-1', 'A-1001', 'placed', '2026-11-10 10:00Z',
    '{"currency": "EUR", "items": [{"item_id": "1", "name": "Teapot", "quantity": 1, "net_minor": 4990},
      {"item_id": "2", "product_id": 1, "name": "Tent Polar 2P", "quantity": 3, "net_minor": 3000}],
      "click_ids": ["token-a", "token-b", "token-c", "forged"], "coupon": "TEA10",
      "customer": {"name": "Kim Example", "email": "kim@example.com", "country": "SE"},
      "delivery": {"method": "parcel", "status": "packed"}}', 'one', null);
select pg_temp.report(2, 'evt-1', 'A-1001', 'placed', '2026-11-10 10:00Z',
    '{"currency": "EUR", "items": [{"item_id": "3", "quantity": 1, "net_minor": 1000}]}', 'one', null);
select pg_temp.report(1, 'evt-2', 'A-1001', 'refunded', '2026-11-12 09:00Z',
    '{"currency": "EUR", "reversal": {"reversal_id": "r1", "items": [{"item_id": "2", "quantity": 1, "amount_minor": 1000}]}}', 'two', null);
select pg_temp.report(1, 'evt-3', 'A-1001', 'refunded', '2026-11-12 09:30Z',
    '{"currency": "USD", "reversal": {"reversal_id": "r2", "amount_minor": 1}}', 'three', null);
select pg_temp.report(1, 'evt-9', 'A-1001', 'cancelled', '2026-10-01 00:00Z', '{}', 'nine', 'backdated');
select pg_temp.report(2, 'late/1', 'B-2', 'placed', '2026-10-02 00:00Z', '{}', 'late', 'backdated');
select pg_temp.report(2, 'other', 'A-1002', 'placed', '2026-11-01 00:00Z', '{}', 'other', null);

insert into customer_order (vendor_id, order_ref, order_id, status, currency, net_minor, refunded_minor, commission_minor, paid_minor,
    link_id, affiliate_id, credited_by, not_credited, click_at, channel, placed_at, completed_at, matures_at, is_held, event_count, ledger_tx_count, settled_at) values
    (1, 'A-1001', 'ord_a1001', 'Pending', 'EUR', 7990, 1000, 824, 0, 1, 1, 'click', null, '2026-11-09 10:00Z', 3, '2026-11-10 10:00Z', null, null, true, 3, 2, '2026-11-12'),
    (2, 'A-1001', 'ord_b1001', 'Pending', 'EUR', 1000, 0, 0, 0, null, null, null, 'no click came with it', null, null, '2026-11-10 10:00Z', null, null, false, 1, 0, '2026-11-10'),
    (1, 'A-1002', 'ord_a1002', 'Paid', 'EUR', 4000, 1600, 300, 500, 1, 1, 'click', null, '2026-11-01 08:00Z', 1, '2026-11-01 09:00Z', '2026-11-02 09:00Z', null, false, 3, 4, '2026-11-19'),
    (2, 'A-1002', 'ord_b1002', 'Pending', 'EUR', 1000, 0, 80, 0, 2, 2, 'coupon', null, null, null, '2026-11-03 09:00Z', null, null, false, 1, 1, '2026-11-03'),
    (1, 'A-1003', 'ord_a1003', 'Abandoned', null, 0, 0, 0, 0, null, null, null, 'it was not placed', null, null, null, null, null, false, 1, 0, '2026-11-03'),
    (1, 'A-1004', 'ord_a1004', 'Cancelled', 'JPY', 500, 0, 0, 0, 1, 1, 'click', null, '2026-11-05 08:00Z', 0, null, '2026-11-05 09:00Z', null, false, 2, 2, '2026-11-06'),
    (1, 'A-1005', 'ord_a1005', 'Completed', 'EUR', 2000, 0, 100, 0, 5, 2, 'click', null, '2026-11-06 08:00Z', 0, '2026-11-06 09:00Z', '2026-11-06 10:00Z', '2026-11-20 10:00Z', false, 2, 1, '2026-11-06');
insert into order_line values
    (1, 'A-1001', '1', null, 'Teapot', 1, 0, 4990, 0, 125000, 'partnership', 624),
    (1, 'A-1001', '2', 1, 'Tent Polar 2P', 3, 1, 3000, 1000, 100000, 'product', 200),
    (2, 'A-1001', '3', null, null, 1, 0, 1000, 0, null, null, 0),
    (1, 'A-1002', 'order', null, null, 1, 0, 4000, 1600, 125000, 'partnership', 300),
    (1, 'A-1004', 'order', null, null, 1, 0, 500, 0, 125000, 'partnership', 0);
insert into order_candidate (vendor_id, order_ref, candidate, kind, refused, link_id, click_at, channel, lane, seq, verdict) values
    (1, 'A-1001', 'token-a', 'click', null, 1, '2026-11-08 10:00Z', 0, 64, 1, 'later'),
    (1, 'A-1001', 'token-b', 'click', null, 1, '2026-11-09 10:00Z', 3, 64, 2, 'credited'),
    (1, 'A-1001', 'token-c', 'click', null, 2, '2026-11-09 11:00Z', 0, 64, 3, 'other_vendor'),
    (1, 'A-1001', 'forged', 'click', 'token_signature', null, null, null, null, null, 'token_signature'),
    (1, 'A-1001', 'TEA10', 'coupon', null, 5, null, null, null, null, 'behind_click');
insert into hold (vendor_id, order_ref, flag, reason, raised_at) values
    (1, 'A-1001', 'fast_order', 'ordered 4 s after the click', '2026-11-10 10:00:05Z'),
    (1, 'A-1001', 'token_spread', 'the same token came with 5 orders', '2026-11-10 10:00:05Z'),
    (2, 'A-1002', 'self_referral', 'shopper and affiliate share an address', '2026-11-03 10:00Z');

-- The ledger: earned, reversed by a refund, matured, paid, and clawed back after a refund of something paid.
create function pg_temp.book(vendor bigint, ref text, affiliate bigint, link bigint, reason text, at timestamptz, currency text, entries jsonb)
returns void language sql as $$
    with tx as (insert into ledger_tx (vendor_id, idem, reason, at)
                values (vendor, reason || ':' || ref || ':' || at, reason, at) returning ledger_tx_id)
    insert into ledger_entry
    select tx.ledger_tx_id, vendor, affiliate, link, ref, e.key, currency, e.value::bigint from tx, jsonb_each_text(entries) e
$$;
select pg_temp.book(1, 'A-1002', 1, 1, 'settle', '2026-11-01 09:00Z', 'EUR', '{"expense": 500, "pending": -500}');
select pg_temp.book(2, 'A-1002', 2, 2, 'settle', '2026-11-03 09:00Z', 'EUR', '{"expense": 80, "pending": -80}');
select pg_temp.book(1, 'A-1004', 1, 1, 'settle', '2026-11-05 09:00Z', 'JPY', '{"expense": 63, "pending": -63}');
select pg_temp.book(1, 'A-1004', 1, 1, 'settle', '2026-11-06 09:00Z', 'JPY', '{"expense": -63, "pending": 63}');
select pg_temp.book(1, 'A-1005', 2, 5, 'settle', '2026-11-06 09:00Z', 'EUR', '{"expense": 100, "pending": -100}');
select pg_temp.book(1, 'A-1001', 1, 1, 'settle', '2026-11-10 10:00Z', 'EUR', '{"expense": 924, "pending": -924}');
select pg_temp.book(1, 'A-1001', 1, 1, 'settle', '2026-11-12 09:00Z', 'EUR', '{"expense": -100, "pending": 100}');
select pg_temp.book(1, 'A-1002', 1, 1, 'settle', '2026-11-16 09:00Z', 'EUR', '{"pending": 500, "payable": -500}');
select pg_temp.book(1, 'A-1002', 1, 1, 'payout', '2026-11-18 12:00Z', 'EUR', '{"payable": 500, "cash": -500}');
select pg_temp.book(1, 'A-1002', 1, 1, 'settle', '2026-11-19 09:00Z', 'EUR', '{"expense": -200, "payable": 200}');

insert into payout_batch (payout_batch_id, vendor_id, currency, state, requested_by, requested_at, collected_at, decided_by, decided_at, paid_at) values
    ('po_paid', null, 'EUR', 'paid', 'Tilda Treasurer', '2026-11-18 10:00Z', '2026-11-18 10:00:01Z', 'Otto Overseer', '2026-11-18 11:00Z', '2026-11-18 12:00Z'),
    ('po_open', 1, 'EUR', 'open', 'Ada Auditor', '2026-11-20 10:00Z', '2026-11-20 10:00:01Z', null, null, null),
    ('po_own2', 2, 'EUR', 'open', 'Sven Second', '2026-11-20 11:00Z', '2026-11-20 11:00:01Z', null, null, null);
insert into payout_line values ('po_paid', 1, 1, 500, 500), ('po_open', 1, 2, 100, null), ('po_open', 1, 1, 12345, null);
insert into payout_order values
    ('po_paid', 1, 1, 'A-1002', 1, -500, 'paid'), ('po_open', 1, 2, 'A-1005', 5, -100, 'collected'),
    ('po_open', 1, 1, 'A-1001', 1, -12545, 'collected'), ('po_open', 1, 1, 'A-1002', 1, 200, 'collected');
