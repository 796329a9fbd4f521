-- What running the programme needs beyond migrations 9 and 10, and what is told to other systems.

alter table vendor add column allows_http boolean not null default false;
comment on column vendor.allows_http is 'Whether its links may lead to http:// too: a shop without TLS.';
update vendor v set allows_http = true
where exists (select from product p where p.vendor_id = v.vendor_id and p.destination like 'http:%')
   or exists (select from link l where l.vendor_id = v.vendor_id and l.destination like 'http:%');

alter table coupon
    add column public_id text not null default 'cpn_' || replace(gen_random_uuid()::text, '-', '') unique,
    add column row_version bigint not null default 1;

alter table invitation
    add column rate_ppm integer check (rate_ppm between 0 and 1000000),
    add check (rate_ppm is null or vendor_id is not null);
comment on column invitation.rate_ppm is 'The commission that was offered: the partnership''s first rate.';

-- What lists go by.
create index link_affiliate_newest on link (affiliate_id, link_id desc);
create index link_vendor_newest on link (vendor_id, link_id desc);
create index link_product on link (product_id) where product_id is not null;
create index product_vendor on product (vendor_id, product_id);
create index coupon_link on coupon (link_id);

-- Whoever was invited for a vendor promotes it from their approval on.
create function affiliate_join() returns trigger language plpgsql as $$
begin
    insert into partnership (vendor_id, affiliate_id, status, joined_at)
    select distinct vendor_id, new.affiliate_id, 'active', now()
    from invitation where affiliate_id = new.affiliate_id and vendor_id is not null
    on conflict do nothing;
    insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
    select distinct on (i.vendor_id) i.vendor_id, new.affiliate_id, now(), i.rate_ppm
    from invitation i
    where i.affiliate_id = new.affiliate_id and i.rate_ppm is not null
      and not exists (select from partnership_rate r where r.vendor_id = i.vendor_id and r.affiliate_id = new.affiliate_id)
    order by i.vendor_id, i.accepted_at desc
    on conflict do nothing;
    return null;
end $$;
create trigger affiliate_join after update of status on affiliate for each row
    when (old.status <> 'approved' and new.status = 'approved') execute function affiliate_join();

-- A vendor sees who asks to promote it, and invites people itself.
create policy applicant on affiliate for select to linkledger_vendor
    using (exists (select from affiliate_request r where r.affiliate_id = affiliate.affiliate_id and r.vendor_id = tenant_vendor()));
-- An affiliate sees what it promotes, on offer or not.
create policy partner on vendor for select to linkledger_affiliate
    using (exists (select from partnership p where p.vendor_id = vendor.vendor_id and p.affiliate_id = tenant_affiliate()));
create policy partner on product for select to linkledger_affiliate
    using (exists (select from partnership p where p.vendor_id = product.vendor_id and p.affiliate_id = tenant_affiliate()));
grant select, insert on invitation to linkledger_vendor;
grant update (token_sha256, message, invited_by, sent_at, expires_at, opened_at, revoked_at, rate_ppm, row_version)
    on invitation to linkledger_vendor;
grant update (destination, expiry_date) on link to linkledger_vendor;
grant update (row_version) on coupon to linkledger_vendor;
grant update (until, row_version) on coupon to linkledger_operator;
grant select (fallback_url, allows_http, created_at, row_version) on vendor to linkledger_affiliate;

-- Opening and accepting an invitation, by whoever has its token.
grant update (opened_at, accepted_at, affiliate_id, row_version) on invitation to linkledger_accounts;

-- Telling other systems. A message is written in the transaction that it tells of, and only where somebody wants it.
alter table webhook_target add column failing_since timestamptz;
comment on column webhook_target.failing_since is 'When the first of `consecutive_failures` was.';

create function webhook_publish(of_vendor bigint, of_topic text, data jsonb) returns void language sql as $$
    with target as (
        select t.target_id, t.vendor_id
        from webhook_target t
        where (t.vendor_id is null or t.vendor_id = of_vendor) and t.disabled_at is null and of_topic = any (t.topics)
    ),
    message as (
        insert into webhook_message (vendor_id, topic, payload)
        select of_vendor, of_topic,
               jsonb_build_object('type', of_topic, 'data', data, 'timestamp',
                                  to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        where exists (select from target)
        returning message_id
    )
    insert into webhook_delivery (message_id, target_id, vendor_id)
    select message_id, target_id, target.vendor_id from message, target
$$;
comment on function webhook_publish is 'Tells every target that wants it. `of_vendor` null: the programme''s own targets only.';

create function customer_order_tell() returns trigger language plpgsql as $$
begin
    if exists (select from webhook_target t where (t.vendor_id is null or t.vendor_id = new.vendor_id)
               and t.disabled_at is null and 'order.settled' = any (t.topics)) then
        perform webhook_publish(new.vendor_id, 'order.settled', (
            select jsonb_build_object(
                'order_id', new.order_id, 'order_ref', new.order_ref, 'vendor_id', v.public_id,
                'affiliate_id', a.public_id, 'link', l.code, 'status', new.status, 'currency', new.currency,
                'net_minor', new.net_minor, 'refunded_minor', new.refunded_minor,
                'commission_minor', new.commission_minor, 'credited_by', new.credited_by,
                'not_credited', new.not_credited, 'is_held', new.is_held)
            from vendor v
            left join affiliate a on a.affiliate_id = new.affiliate_id
            left join link l on l.link_id = new.link_id
            where v.vendor_id = new.vendor_id));
    end if;
    return null;
end $$;
create trigger customer_order_tell after update on customer_order for each row
    when (old.status <> new.status or old.commission_minor <> new.commission_minor or old.is_held <> new.is_held
          or old.affiliate_id is distinct from new.affiliate_id or old.refunded_minor <> new.refunded_minor
          or old.settled_at is null)
    execute function customer_order_tell();

create function ledger_entry_tell() returns trigger language plpgsql as $$
begin
    if exists (select from webhook_target t where (t.vendor_id is null or t.vendor_id = new.vendor_id)
               and t.disabled_at is null and 'commission.payable' = any (t.topics)) then
        perform webhook_publish(new.vendor_id, 'commission.payable', (
            select jsonb_build_object(
                'order_id', o.order_id, 'order_ref', o.order_ref, 'vendor_id', v.public_id, 'affiliate_id', a.public_id,
                'link', l.code, 'currency', new.currency, 'amount_minor', -new.amount_minor)
            from customer_order o
            join vendor v using (vendor_id)
            join affiliate a on a.affiliate_id = new.affiliate_id
            left join link l on l.link_id = new.link_id
            where o.vendor_id = new.vendor_id and o.order_ref = new.order_ref));
    end if;
    return null;
end $$;
-- Owed is negative; what a payout pays, or a refund takes back, is positive.
create trigger ledger_entry_tell after insert on ledger_entry for each row
    when (new.account = 'payable' and new.amount_minor < 0) execute function ledger_entry_tell();

create function payout_batch_tell() returns trigger language plpgsql as $$
begin
    perform webhook_publish(new.vendor_id, 'payout.paid', (
        select jsonb_build_object(
            'payout_batch_id', new.payout_batch_id, 'currency', new.currency,
            'vendor_id', (select public_id from vendor v where v.vendor_id = new.vendor_id),
            'paid_minor', coalesce(sum(paid_minor), 0), 'lines', count(*))
        from payout_line where payout_batch_id = new.payout_batch_id));
    return null;
end $$;
create trigger payout_batch_tell after update of state on payout_batch for each row
    when (old.state <> 'paid' and new.state = 'paid') execute function payout_batch_tell();

create function affiliate_tell() returns trigger language plpgsql as $$
begin
    perform webhook_publish(null, case
            when old.status <> new.status then 'affiliate.' || new.status
            when new.is_active then 'affiliate.reactivated'
            else 'affiliate.suspended' end,
        jsonb_build_object('affiliate_id', new.public_id, 'username', new.username, 'status', new.status,
                           'is_active', new.is_active));
    return null;
end $$;
create trigger affiliate_tell after update of status, is_active on affiliate for each row
    when (old.status <> new.status and new.status <> 'pending' or old.is_active <> new.is_active)
    execute function affiliate_tell();

grant select on webhook_target to linkledger_aggregator;
grant insert on webhook_message, webhook_delivery to linkledger_aggregator;
grant select on webhook_message to linkledger_aggregator; -- `returning`
grant select on payout_line to linkledger_aggregator;
grant delete on webhook_message to linkledger_operator; -- when it is old
