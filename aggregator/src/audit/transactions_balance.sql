-- Transactions that do not sum to zero in a currency.
select count(*) as "violations!"
from (
    select from ledger_entry group by ledger_tx_id, currency having sum(amount_minor) <> 0
) as unbalanced
