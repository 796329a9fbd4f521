with by_day as (
    select link_id, currency, sum(commission_minor) as commission
    from order_daily
    group by link_id, currency
),
by_entry as (
    select link_id, currency, sum(amount_minor) as commission
    from ledger_entry
    where account = 'expense'
    group by link_id, currency
)
-- Links whose commission in reports is not the ledger's.
select count(*) as "violations!"
from by_day
full join by_entry using (link_id, currency)
where coalesce(by_day.commission, 0) <> coalesce(by_entry.commission, 0)
