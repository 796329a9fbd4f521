-- How many affiliates are in which state, without a look at each: a hundred thousand take Postgres 20 ms on every overview.
--
-- Whoever changes some leaves a line with how many more or fewer there are, so nobody waits for anybody. The sum of a state's lines
-- is its number at any moment; `prune` puts them together.
create table affiliate_tally (
    affiliate_tally_id bigint generated always as identity primary key,
    status             text not null,
    affiliates         bigint not null
);
comment on table affiliate_tally is 'Affiliates by status: the sum of the lines. Filled in by a trigger; put together by prune.';

create function affiliate_tally() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into affiliate_tally (status, affiliates) select status, count(*) from now_there group by status;
    elsif tg_op = 'DELETE' then
        insert into affiliate_tally (status, affiliates) select status, -count(*) from was_there group by status;
    else
        insert into affiliate_tally (status, affiliates)
        select status, sum(n)
        from (select status, 1 as n from now_there union all select status, -1 from was_there) changed
        group by status
        having sum(n) <> 0;
    end if;
    return null;
end $$;
create trigger affiliate_tally_added after insert on affiliate
    referencing new table as now_there
    for each statement execute function affiliate_tally();
create trigger affiliate_tally_changed after update on affiliate
    referencing old table as was_there new table as now_there
    for each statement execute function affiliate_tally();
create trigger affiliate_tally_deleted after delete on affiliate
    referencing old table as was_there
    for each statement execute function affiliate_tally();

-- From here on nobody else writes until this is committed: the triggers hold the table.
alter table affiliate no force row level security; -- an owner who is no superuser sees its rows
insert into affiliate_tally (status, affiliates) select status, count(*) from affiliate group by status;
alter table affiliate force row level security;
alter table affiliate_tally enable row level security;
alter table affiliate_tally force row level security;
create policy programme on affiliate_tally to linkledger_aggregator, linkledger_console, linkledger_operator using (true) with check (true);
grant select on affiliate_tally to linkledger_console, linkledger_operator;
grant select, insert, delete on affiliate_tally to linkledger_aggregator;
-- By the trigger. An affiliate changes its name, not its state: it may add no line, which is what no policy means.
grant insert on affiliate_tally to linkledger_operator, linkledger_affiliate;
