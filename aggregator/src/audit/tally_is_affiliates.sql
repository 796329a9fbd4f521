-- States whose tally is not the number of affiliates in them.
with tally as (
    select status, sum(affiliates) as affiliates from affiliate_tally group by status
), counted as (
    select status, count(*) as affiliates from affiliate group by status
)
select count(*) as "violations!"
from tally t
full join counted c using (status)
where coalesce(t.affiliates, 0) <> coalesce(c.affiliates, 0)
