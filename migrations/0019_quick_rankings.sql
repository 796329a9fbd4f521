-- What a ranking needs to know of a link stands where it is read: in an index of the link, and beside its orders.
create index link_whose on link (link_id) include (vendor_id, affiliate_id, product_id);

-- Whose orders these are. A link never changes hands, nor what it sells.
alter table order_daily add column vendor_id bigint, add column affiliate_id bigint, add column product_id bigint;
alter table order_daily no force row level security; -- an owner who is no superuser sees its rows
alter table link no force row level security;
update order_daily d
set vendor_id = l.vendor_id, affiliate_id = l.affiliate_id, product_id = l.product_id
from link l
where l.link_id = d.link_id;
alter table link force row level security;
alter table order_daily force row level security;
create function order_daily_whose() returns trigger language plpgsql as $$
begin
    select l.vendor_id, l.affiliate_id, l.product_id into new.vendor_id, new.affiliate_id, new.product_id
    from link l
    where l.link_id = new.link_id;
    return new;
end $$;
create trigger order_daily_whose before insert on order_daily for each row execute function order_daily_whose();
create index order_daily_of_vendor on order_daily (vendor_id, day);
drop policy of_link on order_daily;
create policy of_vendor on order_daily to linkledger_vendor using (vendor_id = tenant_vendor());
create policy of_affiliate on order_daily to linkledger_affiliate using (affiliate_id = tenant_affiliate());
comment on column order_daily.vendor_id is 'Whose shop, as the link has it: filled in by a trigger, as affiliate_id and product_id are. Null: the link was unknown.';

-- How many affiliates are in which state, and the newest partnerships, without a look at all of them.
create index partnership_newest on partnership (created_at, public_id);
create index affiliate_status on affiliate (status);
