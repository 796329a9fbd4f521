-- Vendor 3 and affiliate 3, whose every field says so. Nothing of theirs is anything to vendor 1 or affiliate 1.
insert into vendor (name, website, fallback_url, allowed_hosts) values
    ('canary-vendor', 'https://canary-site.example.com/', 'https://canary-fallback.example.com/', '{canary-host.example.com}');
insert into affiliate (username, name, email, status, phone, country, bio, website, instagram, twitter, facebook) values
    ('canary-user', 'canary-name', 'canary-mail@example.com', 'approved', 'canary-phone', 'NO', 'canary-bio',
     'https://canary-blog.example.com/', 'canary-instagram', 'canary-twitter', 'canary-facebook');
insert into vendor_terms (vendor_id, since, window_days, hold_days) values (3, '2026-01-01', 77, 66);
insert into product (vendor_id, name, destination, price_minor, currency) values
    (3, 'canary-product', 'https://canary-host.example.com/product', 777777, 'NOK');
insert into partnership (vendor_id, affiliate_id, status, joined_at) values (3, 3, 'active', '2026-01-01');
insert into partnership_rate values (3, 3, '2026-01-01', 77777);
insert into product_rate values (3, (select max(product_id) from product), '2026-01-01', 66666);
insert into link (code, vendor_id, product_id, affiliate_id, destination) values
    ('foreign-link', 3, (select max(product_id) from product), 3, 'https://canary-host.example.com/link');
insert into coupon (vendor_id, coupon_code, link_id, since) values
    (3, 'CANARY-COUPON', (select link_id from link where code = 'foreign-link'), '2026-01-01');
insert into click_hourly select link_id, date_trunc('hour', now()), 7777, 777 from link where code = 'foreign-link';
insert into order_daily select link_id, current_date, 'NOK', 77, 7777777, 777777 from link where code = 'foreign-link';
insert into bank_account (affiliate_id, account_hash, sealed, bank_name, account_name, masked_number, changed_at) values
    (3, sha256('canary'), 'canary-sealed', 'canary-bank', 'canary-holder', 'canary-number', now());
insert into verification_document (affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256, status,
    rejection_reason, verified_at, reviewer) values
    (3, 'identity', 'ca/canary-object', 'image/png', 77, sha256('canary'), 'rejected', 'canary-reason', now(), 'canary-reviewer');
insert into affiliate_request (affiliate_id, request_type, vendor_id, message, status, response_message, responded_at, responded_by)
values (3, 'other', 3, 'canary-message', 'approved', 'canary-response', now(), 'canary-responder'),
    (3, 'raise_rate', 3, 'canary-question', 'pending', null, null, null);
insert into invitation (email, vendor_id, token_sha256, message, invited_by, expires_at) values
    ('canary-invited@example.com', 3, sha256('canary'), 'canary-invitation', 'canary-inviter', now() + interval '1 day');
insert into webhook_target (vendor_id, url, topics, sealed_secret, disabled_reason) values
    (3, 'https://canary-hook.example.com/', '{order.updated}', 'canary-secret', 'canary-disabled');
insert into webhook_message (vendor_id, topic, payload) values (3, 'canary-topic', '{"canary": "payload"}');
-- Given up, so that the console itself leaves it alone.
insert into webhook_delivery (message_id, target_id, vendor_id, last_error, next_attempt_at)
select m.message_id, t.target_id, 3, 'canary-error', null from webhook_message m, webhook_target t where m.vendor_id = 3 and t.vendor_id = 3;
insert into account (account_id, email, name, role, vendor_id) values ('acc_foreignvendor', 'canary-login@example.com', 'canary-person', 'vendor', 3);
insert into account (account_id, email, name, role, affiliate_id) values ('acc_foreign', 'canary-own@example.com', 'canary-self', 'affiliate', 3);
insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes) values
    ('foreignkey0123456789', 3, 'canary-key', sha256('canary'), array['reports:read']);
insert into order_event (vendor_id, event_id, order_ref, kind, occurred_at, received_at, source, body, body_sha256, parked) values
    (3, 'foreign-event', 'canary-order', 'placed', '2026-11-10', '2026-11-10', 'api',
     '{"event_id": "foreign-event", "order_ref": "canary-order", "kind": "placed", "occurred_at": 1760000000000,
       "customer": {"name": "canary-customer"}, "delivery": {"address": "canary-street"}}', sha256('canary'), 'backdated');
insert into customer_order (vendor_id, order_ref, order_id, status, currency, net_minor, refunded_minor, commission_minor, paid_minor,
    link_id, affiliate_id, credited_by, placed_at, is_held, event_count, ledger_tx_count, settled_at)
select 3, 'canary-order', 'ord_foreign', 'Pending', 'NOK', 777777, 0, 77777, 0, link_id, 3, 'click', '2026-11-10', true, 1, 1, '2026-11-10'
from link where code = 'foreign-link';
insert into order_line values (3, 'canary-order', '1', null, 'canary-line', 1, 0, 777777, 0, 77777, 'partnership', 77777);
insert into order_candidate (vendor_id, order_ref, candidate, kind, link_id, click_at, channel, lane, seq, verdict)
select 3, 'canary-order', 'canary-token', 'click', link_id, '2026-11-09', 0, 64, 77, 'credited' from link where code = 'foreign-link';
insert into hold (vendor_id, order_ref, flag, reason, raised_at) values (3, 'canary-order', 'fast_order', 'canary-hold', '2026-11-10');
with tx as (insert into ledger_tx (vendor_id, idem, reason, at) values (3, 'canary', 'settle', '2026-11-10') returning ledger_tx_id)
insert into ledger_entry select tx.ledger_tx_id, 3, 3, link_id, 'canary-order', e.account, 'NOK', e.amount
from tx, link, (values ('expense', 77777), ('pending', -77777)) e (account, amount) where code = 'foreign-link';
insert into payout_batch (payout_batch_id, vendor_id, currency, state, requested_by, requested_at, collected_at) values
    ('po_foreign', 3, 'NOK', 'open', 'canary-payer', '2026-11-20', '2026-11-20');
insert into payout_line values ('po_foreign', 3, 3, 77777, null);
insert into payout_order select 'po_foreign', 3, 3, 'canary-order', link_id, -77777, 'collected' from link where code = 'foreign-link';
insert into audit_entry (actor, action, object, vendor_id, affiliate_id, detail) values
    ('canary-actor', 'vendor.change', 'canary-object', 3, 3, '{"canary": "detail"}');
