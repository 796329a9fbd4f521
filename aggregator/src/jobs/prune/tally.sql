-- Puts the lines of each state together. What is written meanwhile stays as it is.
with gone as (
    delete from affiliate_tally returning status, affiliates
)
insert into affiliate_tally (status, affiliates)
select status, sum(affiliates) from gone group by status
