-- Tenants are kept apart by the database: a vendor's or an affiliate's transaction sees and writes its own rows, whatever
-- the program above asks for. Such a transaction begins with `set local role linkledger_vendor` (or `_affiliate`) and
-- `set_config('app.vendor_id', …, true)` (or `app.affiliate_id`); without the setting it sees nothing.
do $$
declare
    service text;
begin
    foreach service in array array['linkledger_accounts', 'linkledger_vendor', 'linkledger_affiliate'] loop
        begin
            execute format('create role %I nologin nosuperuser nobypassrls', service);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end $$;

create function tenant_vendor() returns bigint language sql stable parallel safe as $$
    select nullif(current_setting('app.vendor_id', true), '')::bigint
$$;
create function tenant_affiliate() returns bigint language sql stable parallel safe as $$
    select nullif(current_setting('app.affiliate_id', true), '')::bigint
$$;

-- Every table of tenants, and who of them is told by which column. A test compares this with the catalogue.
do $$
declare
    tenant record;
begin
    for tenant in
        select t.name, t.of_vendor, t.of_affiliate
        from (values
            ('vendor', true, false), ('affiliate', false, true), ('product', true, false), ('link', true, true),
            ('partnership', true, true), ('vendor_standing', true, false), ('affiliate_standing', false, true),
            ('partnership_standing', true, true), ('vendor_terms', true, false), ('partnership_rate', true, true),
            ('product_rate', true, false), ('coupon', true, false), ('bank_account', false, true),
            ('api_key', true, false), ('webhook_endpoint', true, false), ('order_event', true, false),
            ('order_due', true, false), ('customer_order', true, true), ('order_line', true, false),
            ('order_candidate', true, false), ('hold', true, false), ('ledger_tx', true, false),
            ('ledger_entry', true, true), ('payout_batch', true, false), ('payout_line', true, true),
            ('payout_order', true, true), ('account', true, true), ('audit_entry', true, true),
            ('verification_document', false, true), ('affiliate_request', true, true), ('invitation', true, false),
            ('webhook_target', true, false), ('webhook_message', true, false), ('webhook_delivery', true, false)
        ) as t (name, of_vendor, of_affiliate)
    loop
        execute format('alter table %I enable row level security', tenant.name);
        execute format('alter table %I force row level security', tenant.name);
        -- The programme's own services see everything; what they may do is a matter of grants.
        execute format('create policy programme on %I to linkledger_aggregator, linkledger_console, linkledger_intake, '
                       'linkledger_operator, linkledger_accounts using (true) with check (true)', tenant.name);
        if tenant.of_vendor then
            execute format('create policy vendor on %I to linkledger_vendor using (vendor_id = tenant_vendor()) '
                           'with check (vendor_id = tenant_vendor())', tenant.name);
        end if;
        if tenant.of_affiliate then
            execute format('create policy affiliate on %I to linkledger_affiliate using (affiliate_id = tenant_affiliate()) '
                           'with check (affiliate_id = tenant_affiliate())', tenant.name);
        end if;
    end loop;
end $$;

-- What tenants see of each other.
create policy partner on affiliate for select to linkledger_vendor
    using (exists (select from partnership p where p.affiliate_id = affiliate.affiliate_id and p.vendor_id = tenant_vendor()));
-- A vendor that left is still somebody whose orders are on one's statement.
create policy offered on vendor for select to linkledger_affiliate
    using (is_active or exists (select from partnership p where p.vendor_id = vendor.vendor_id and p.affiliate_id = tenant_affiliate()));
create policy offered on product for select to linkledger_affiliate using (is_active);
create policy partner_terms on vendor_terms for select to linkledger_affiliate using (true);
create policy partner_rates on product_rate for select to linkledger_affiliate using (true);
create policy own_links on coupon for select to linkledger_affiliate
    using (exists (select from link l where l.link_id = coupon.link_id and l.affiliate_id = tenant_affiliate()));
create policy own_orders on order_line for select to linkledger_affiliate
    using (exists (select from customer_order o where o.vendor_id = order_line.vendor_id and o.order_ref = order_line.order_ref
                   and o.affiliate_id = tenant_affiliate()));
create policy own_orders on hold for select to linkledger_affiliate
    using (exists (select from customer_order o where o.vendor_id = hold.vendor_id and o.order_ref = hold.order_ref
                   and o.affiliate_id = tenant_affiliate()));
create policy own_bookings on ledger_tx for select to linkledger_affiliate
    using (exists (select from ledger_entry e where e.vendor_id = ledger_tx.vendor_id and e.ledger_tx_id = ledger_tx.ledger_tx_id
                   and e.affiliate_id = tenant_affiliate()));
-- Whose clicks came with the order, as far as they are one's own.
create policy own_clicks on order_candidate for select to linkledger_affiliate
    using (exists (select from link l where l.link_id = order_candidate.link_id and l.affiliate_id = tenant_affiliate()));

-- Counts belong to whoever the link belongs to.
do $$
declare
    counted text;
begin
    foreach counted in array array['click_hourly', 'click_daily_platform', 'click_daily_origin', 'visit_daily', 'order_daily',
                                   'link_conversion', 'link_standing', 'link_change'] loop
        execute format('alter table %I enable row level security', counted);
        execute format('alter table %I force row level security', counted);
        execute format('create policy programme on %I to linkledger_aggregator, linkledger_console, linkledger_intake, '
                       'linkledger_operator, linkledger_accounts using (true) with check (true)', counted);
        execute format('create policy of_link on %1$I to linkledger_vendor, linkledger_affiliate '
                       'using (exists (select from link l where l.link_id = %1$I.link_id)) '
                       'with check (exists (select from link l where l.link_id = %1$I.link_id))', counted);
    end loop;
end $$;

-- Grants. Accounts: signing in and out, and the mails and records that go with it.
grant select, insert, update on account, sign_in_failure, mailed_token, idempotency_key to linkledger_accounts;
grant select, insert, update, delete on session to linkledger_accounts;
grant delete on sign_in_failure, idempotency_key to linkledger_accounts;
grant select (vendor_id, name, public_id, is_active) on vendor to linkledger_accounts;
grant select (affiliate_id, name, username, public_id, status, is_active) on affiliate to linkledger_accounts;
grant select on invitation to linkledger_accounts;
grant insert on mail, audit_entry to linkledger_accounts;
grant select, update on mail to linkledger_accounts; -- its worker sends them

-- Operators: everything that is managed, append-only where history counts.
grant select on all tables in schema public to linkledger_operator;
revoke select on session, mailed_token, sign_in_failure from linkledger_operator;
grant insert, update on vendor, affiliate, product, link, partnership, coupon, bank_account, affiliate_request, invitation,
    verification_document, webhook_target, webhook_message, webhook_delivery to linkledger_operator;
grant insert on vendor_terms, partnership_rate, product_rate, mail, audit_entry, account, mailed_token to linkledger_operator;
grant update (name, role, disabled_at, row_version) on account to linkledger_operator;
grant delete on verification_document to linkledger_operator;
-- By triggers.
grant select, insert, update on link_standing, affiliate_standing, vendor_standing, partnership_standing to linkledger_operator;
grant insert on link_change to linkledger_operator;

-- A vendor: its own products, links, rates and addresses, and reports on them.
grant select on vendor, product, link, partnership, vendor_terms, partnership_rate, product_rate, coupon, order_event,
    customer_order, order_line, order_candidate, hold, ledger_tx, ledger_entry, payout_batch, payout_line, payout_order,
    affiliate_request, webhook_target, webhook_message, webhook_delivery, click_hourly, click_daily_platform,
    click_daily_origin, visit_daily, order_daily, link_conversion, link_total, vocabulary, link_published,
    vendor_standing, partnership_standing, link_standing to linkledger_vendor;
grant select (affiliate_id, public_id, username, name, status, is_active, country, bio, website, instagram, twitter, facebook,
    created_at) on affiliate to linkledger_vendor;
grant select (api_key_id, vendor_id, name, scopes, created_at, revoked_at) on api_key to linkledger_vendor;
grant select (webhook_endpoint_id, vendor_id, source, created_at, disabled_at) on webhook_endpoint to linkledger_vendor;
grant insert, update on product to linkledger_vendor;
grant update (website, fallback_url, row_version) on vendor to linkledger_vendor;
grant insert, update on webhook_target to linkledger_vendor;
grant update (status, joined_at, row_version) on partnership to linkledger_vendor;
grant insert on partnership, partnership_rate, product_rate, coupon, audit_entry, mail to linkledger_vendor;
grant update (status, response_message, responded_at, responded_by, row_version) on affiliate_request to linkledger_vendor;
grant update (until) on coupon to linkledger_vendor;
grant update (is_active, version) on link to linkledger_vendor;
-- With a key of a scope for it.
grant update (state, reviewed_by, reviewed_at, note) on hold to linkledger_vendor;
grant update (parked) on order_event to linkledger_vendor;
grant insert, update (state, decided_by, decided_at, note) on payout_batch to linkledger_vendor;
grant insert on order_due to linkledger_vendor;
grant insert, update on link_standing, partnership_standing, vendor_standing to linkledger_vendor;
grant insert on link_change to linkledger_vendor;

-- An affiliate: its profile, links, requests and documents, and what it earns.
grant select on link, partnership, vendor_terms, partnership_rate, product_rate, coupon, customer_order, order_line,
    order_candidate, hold, ledger_tx, ledger_entry, payout_line, payout_order, affiliate_request, verification_document, click_hourly,
    click_daily_platform, click_daily_origin, visit_daily, order_daily, link_conversion, link_total, vocabulary,
    affiliate_standing, partnership_standing, link_standing to linkledger_affiliate;
grant select (affiliate_id, public_id, username, name, status, is_active, email, phone, country, bio, website, instagram,
    twitter, facebook, rejection_reason, approved_at, created_at, row_version) on affiliate to linkledger_affiliate;
grant select (affiliate_id, bank_name, account_name, masked_number, changed_at) on bank_account to linkledger_affiliate;
grant select (vendor_id, public_id, name, website, is_active, allowed_hosts) on vendor to linkledger_affiliate;
grant select on product to linkledger_affiliate;
grant update (name, phone, country, bio, website, instagram, twitter, facebook, row_version) on affiliate to linkledger_affiliate;
grant insert (affiliate_id, account_hash, sealed, bank_name, account_name, masked_number, changed_at),
    update (account_hash, sealed, bank_name, account_name, masked_number, changed_at) on bank_account to linkledger_affiliate;
grant insert (code, vendor_id, product_id, affiliate_id, destination, is_active, expiry_date),
    update (is_active, expiry_date, version) on link to linkledger_affiliate;
grant insert (affiliate_id, request_type, vendor_id, product_id, message) on affiliate_request to linkledger_affiliate;
grant insert (affiliate_id, document_type, object_name, content_type, size_bytes, content_sha256) on verification_document
    to linkledger_affiliate;
grant insert on audit_entry, mail to linkledger_affiliate;
grant insert, update on link_standing to linkledger_affiliate;
grant insert on link_change to linkledger_affiliate;

-- Reads for reports, as before, of what is new.
grant select on affiliate_request, invitation, verification_document, audit_entry, webhook_target, webhook_message,
    webhook_delivery to linkledger_console;
