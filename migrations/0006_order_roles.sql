-- What each service may do with orders and money. Only the aggregator books; the console writes down what shops report
-- and what people decide.
do $$
declare
    service text;
begin
    foreach service in array array['linkledger_intake', 'linkledger_operator'] loop
        begin
            execute format('create role %I nologin nosuperuser nobypassrls', service);
        exception when duplicate_object or unique_violation then
            null;
        end;
    end loop;
end $$;

grant select on partnership, link_standing, affiliate_standing, vendor_standing, partnership_standing, vendor_terms,
    partnership_rate, product_rate, coupon, bank_account, order_event to linkledger_aggregator;
grant select, insert, delete, update on order_due to linkledger_aggregator; -- update: select for update
grant select, insert, update on customer_order, order_candidate, hold, order_daily, link_conversion to linkledger_aggregator;
grant select, insert, update, delete on order_line to linkledger_aggregator;
grant select, insert on ledger_tx, ledger_entry to linkledger_aggregator;
grant select, update on payout_batch to linkledger_aggregator;
grant select, insert, update on payout_line, payout_order to linkledger_aggregator;

-- Reads for reports.
grant select on partnership, vendor_terms, partnership_rate, product_rate, coupon, order_event, customer_order, order_line,
    order_candidate, hold, ledger_tx, ledger_entry, order_daily, link_conversion, link_total, order_due,
    payout_batch, payout_line, payout_order to linkledger_console;

-- Takes in what shops report, after their key or signature was found good.
grant select on api_key, webhook_endpoint, webhook_secret, vendor, product, order_event to linkledger_intake;
grant insert on order_event, order_due to linkledger_intake;
grant select, insert on programme_event to linkledger_intake;

-- Writes down what people decide.
grant select, insert on api_key, webhook_endpoint, webhook_secret to linkledger_operator;
grant update (revoked_at) on api_key to linkledger_operator;
grant update (disabled_at) on webhook_endpoint to linkledger_operator;
grant update (valid_until) on webhook_secret to linkledger_operator;
grant select, update (parked) on order_event to linkledger_operator;
grant select, update (state, reviewed_by, reviewed_at, note) on hold to linkledger_operator;
grant select, insert, update (state, decided_by, decided_at, note) on payout_batch to linkledger_operator;
grant select on payout_line, payout_order, customer_order, vendor to linkledger_operator;
grant insert on order_due to linkledger_operator;
