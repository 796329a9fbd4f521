-- Decides one batch that is open, unless it is the asker's own: names are compared as people read them.
update payout_batch
set state = $3, decided_by = $4, decided_at = $5, note = $6
where payout_batch_id = $1 and ($2::bigint is null or vendor_id = $2) and state = 'open'
  and lower(btrim(requested_by)) <> lower(btrim($4))
returning payout_batch_id
