-- What a shop reported last: its set-up page shows whether reports arrive.
create index order_event_received on order_event (vendor_id, received_at, event_id);
