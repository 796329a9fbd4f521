-- The orders credited by these clicks that have not been flagged for it.
insert into order_due (vendor_id, order_ref)
select c.vendor_id, c.order_ref
from unnest($1::integer[], $2::bigint[]) as click (lane, seq)
join order_candidate as c using (lane, seq)
where c.refused is null and c.kind = 'click' and c.verdict = 'credited'
  and not exists (
      select from hold as h
      where h.vendor_id = c.vendor_id and h.order_ref = c.order_ref and h.flag = 'token_spread'
  )
