-- Empty copies of what settling writes, with the same indexes and checks, and the orders in batches of 500.
create schema bare;
create table bare.customer_order (like customer_order including all);
create table bare.order_line (like order_line including all);
create table bare.order_candidate (like order_candidate including all);
create table bare.ledger_tx (like ledger_tx including all excluding identity);
create table bare.ledger_entry (like ledger_entry including all);

create temporary table bare_order as
select vendor_id, order_ref, (row_number() over (order by vendor_id, order_ref) - 1) / 500 as batch from customer_order;
create index on bare_order (batch);
-- A transaction books several orders: the first of them brings it along.
create temporary table bare_tx as
select distinct on (vendor_id, ledger_tx_id) vendor_id, ledger_tx_id, order_ref from ledger_entry order by vendor_id, ledger_tx_id, order_ref;
create index on bare_tx (vendor_id, order_ref);
analyze bare_order;
analyze bare_tx;
