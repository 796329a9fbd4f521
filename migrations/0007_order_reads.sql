-- What lists and statements of orders go by. An order without a time (abandoned) stands at the epoch: last in lists.

create index customer_order_newest on customer_order ((coalesce(placed_at, completed_at, timestamptz 'epoch')), order_id);
create index customer_order_vendor_newest
    on customer_order (vendor_id, (coalesce(placed_at, completed_at, timestamptz 'epoch')), order_id);
drop index customer_order_placed; -- the first of these does its work
create index order_daily_day on order_daily (day);
create index payout_batch_requested on payout_batch (requested_at, payout_batch_id);
create index order_event_parked_place on order_event (received_at, vendor_id, event_id) where parked is not null;
drop index order_event_parked;
