-- Asks for a batch; the aggregator collects it within moments.
insert into payout_batch (vendor_id, currency, minimum_minor, requested_by, requested_at)
values ($1, $2, $3, $4, $5)
returning payout_batch_id
