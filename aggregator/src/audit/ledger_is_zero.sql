-- Currencies whose entries do not sum to zero.
select count(*) as "violations!"
from (
    select from ledger_entry group by currency having sum(amount_minor) <> 0
) as unbalanced
