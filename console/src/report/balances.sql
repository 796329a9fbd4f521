-- What an affiliate's account holds, by currency: the ledger's sign turned, so that what is owed is positive.
-- next: when the first commission that waits for its hold days becomes payable.
select e.currency,
       coalesce(-sum(e.amount_minor) filter (where e.account = 'pending'), 0)::bigint as "pending_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'payable'), 0)::bigint as "payable_minor!",
       coalesce(-sum(e.amount_minor) filter (where e.account = 'cash'), 0)::bigint as "paid_minor!",
       (select min(o.matures_at) from customer_order o
        where o.affiliate_id = $1 and o.currency = e.currency and o.matures_at is not null and not o.is_held) as next_at
from ledger_entry e
where e.affiliate_id = $1
group by e.currency
order by e.currency
