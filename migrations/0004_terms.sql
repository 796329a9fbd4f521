-- Who promotes whom, on what terms and since when. Everything that decides about money keeps its history: an order is
-- judged by what was in force when its click happened and when it was placed, never by what holds today.

alter table affiliate add column email text check (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254);

create table partnership (
    vendor_id    bigint not null references vendor,
    affiliate_id bigint not null references affiliate,
    status       text not null default 'pending' check (status in ('pending', 'approved', 'rejected', 'active', 'inactive')),
    joined_at    timestamptz,
    created_at   timestamptz not null default now(),
    primary key (vendor_id, affiliate_id),
    check (status not in ('active', 'inactive') or joined_at is not null)
);
comment on table partnership is 'An affiliate promotes a vendor. Its links are tracked while it is active.';
create index partnership_affiliate on partnership (affiliate_id);

-- Links that were there before partnerships had one in all but name.
insert into partnership (vendor_id, affiliate_id, status, joined_at)
select vendor_id, affiliate_id, 'active', min(created_at) from link group by vendor_id, affiliate_id;

alter table link add foreign key (vendor_id, affiliate_id) references partnership (vendor_id, affiliate_id);

create or replace view link_published with (security_invoker = true) as
select l.link_id, l.code, l.vendor_id, l.affiliate_id, l.product_id, l.destination, v.fallback_url, l.expiry_date, l.version,
       l.is_active and v.is_active and a.is_active and a.status = 'approved' and p.status = 'active' as is_active
from link l
join vendor v using (vendor_id)
join affiliate a using (affiliate_id)
join partnership p using (vendor_id, affiliate_id);

create function partnership_announce() returns trigger language plpgsql as $$
begin
    update link set version = version where vendor_id = new.vendor_id and affiliate_id = new.affiliate_id;
    return null;
end $$;
create trigger partnership_announce after update of status on partnership
    for each row when ((old.status = 'active') <> (new.status = 'active')) execute function partnership_announce();

-- What stood when. A row holds from `since` until the next row of the same key.

create table link_standing (
    link_id     bigint not null,
    since       timestamptz not null,
    is_active   boolean not null,
    expiry_date timestamptz,
    primary key (link_id, since)
);
comment on table link_standing is 'Whether a link was switched on, and when it was to expire, at any moment of the past. Kept when the link is deleted.';

create table affiliate_standing (
    affiliate_id bigint not null references affiliate,
    since        timestamptz not null,
    status       text not null,
    is_active    boolean not null,
    primary key (affiliate_id, since)
);
comment on table affiliate_standing is 'An affiliate''s status and is_active at any moment of the past.';

create table vendor_standing (
    vendor_id bigint not null references vendor,
    since     timestamptz not null,
    is_active boolean not null,
    primary key (vendor_id, since)
);
comment on table vendor_standing is 'Whether a vendor was active at any moment of the past.';

create table partnership_standing (
    vendor_id    bigint not null,
    affiliate_id bigint not null,
    since        timestamptz not null,
    status       text not null,
    primary key (vendor_id, affiliate_id, since),
    foreign key (vendor_id, affiliate_id) references partnership (vendor_id, affiliate_id)
);
comment on table partnership_standing is 'A partnership''s status at any moment of the past.';

create function link_remember() returns trigger language plpgsql as $$
begin
    insert into link_standing (link_id, since, is_active, expiry_date)
    values (new.link_id, case tg_op when 'INSERT' then new.created_at else clock_timestamp() end, new.is_active, new.expiry_date)
    on conflict (link_id, since) do update set is_active = excluded.is_active, expiry_date = excluded.expiry_date;
    return null;
end $$;
create trigger link_remember_new after insert on link for each row execute function link_remember();
create trigger link_remember after update of is_active, expiry_date on link for each row
    when (old.is_active <> new.is_active or old.expiry_date is distinct from new.expiry_date) execute function link_remember();

create function affiliate_remember() returns trigger language plpgsql as $$
begin
    insert into affiliate_standing (affiliate_id, since, status, is_active)
    values (new.affiliate_id, case tg_op when 'INSERT' then new.created_at else clock_timestamp() end, new.status, new.is_active)
    on conflict (affiliate_id, since) do update set status = excluded.status, is_active = excluded.is_active;
    return null;
end $$;
create trigger affiliate_remember_new after insert on affiliate for each row execute function affiliate_remember();
create trigger affiliate_remember after update of is_active, status on affiliate for each row
    when (old.is_active <> new.is_active or old.status <> new.status) execute function affiliate_remember();

create function vendor_remember() returns trigger language plpgsql as $$
begin
    insert into vendor_standing (vendor_id, since, is_active)
    values (new.vendor_id, case tg_op when 'INSERT' then new.created_at else clock_timestamp() end, new.is_active)
    on conflict (vendor_id, since) do update set is_active = excluded.is_active;
    return null;
end $$;
create trigger vendor_remember_new after insert on vendor for each row execute function vendor_remember();
create trigger vendor_remember after update of is_active on vendor for each row
    when (old.is_active <> new.is_active) execute function vendor_remember();

create function partnership_remember() returns trigger language plpgsql as $$
begin
    insert into partnership_standing (vendor_id, affiliate_id, since, status)
    values (new.vendor_id, new.affiliate_id, case tg_op when 'INSERT' then coalesce(new.joined_at, new.created_at) else clock_timestamp() end, new.status)
    on conflict (vendor_id, affiliate_id, since) do update set status = excluded.status;
    return null;
end $$;
create trigger partnership_remember_new after insert on partnership for each row execute function partnership_remember();
create trigger partnership_remember after update of status on partnership for each row
    when (old.status <> new.status) execute function partnership_remember();

insert into link_standing select link_id, created_at, is_active, expiry_date from link;
insert into affiliate_standing select affiliate_id, created_at, status, is_active from affiliate;
insert into vendor_standing select vendor_id, created_at, is_active from vendor;
insert into partnership_standing select vendor_id, affiliate_id, joined_at, status from partnership;

-- Terms.

create table vendor_terms (
    vendor_id   bigint not null references vendor,
    since       timestamptz not null,
    window_days integer not null default 30 check (window_days between 1 and 365),
    hold_days   integer not null default 14 check (hold_days between 0 and 365),
    attribution text not null default 'last_click' check (attribution in ('last_click', 'first_click')),
    primary key (vendor_id, since)
);
comment on table vendor_terms is 'How a vendor credits orders placed from `since` on: how old a click may be, which click wins, and how long commission is held after completion.';

create function vendor_default_terms() returns trigger language plpgsql as $$
begin
    insert into vendor_terms (vendor_id, since) values (new.vendor_id, 'epoch');
    return null;
end $$;
create trigger vendor_default_terms after insert on vendor for each row execute function vendor_default_terms();
insert into vendor_terms (vendor_id, since) select vendor_id, 'epoch' from vendor;

create table partnership_rate (
    vendor_id    bigint not null,
    affiliate_id bigint not null,
    since        timestamptz not null,
    rate_ppm     integer not null check (rate_ppm between 0 and 1000000),
    primary key (vendor_id, affiliate_id, since),
    foreign key (vendor_id, affiliate_id) references partnership (vendor_id, affiliate_id)
);
comment on table partnership_rate is 'Commission of an affiliate on orders placed from `since` on, in millionths of the net amount (12.5 % = 125000). Rows are added, never changed.';

create table product_rate (
    vendor_id  bigint not null,
    product_id bigint not null,
    since      timestamptz not null,
    rate_ppm   integer check (rate_ppm between 0 and 1000000),
    primary key (vendor_id, product_id, since),
    foreign key (vendor_id, product_id) references product (vendor_id, product_id)
);
comment on table product_rate is 'A product''s own rate, which goes before the partnership''s; null ends it. Rows are added, never changed.';

create table coupon (
    vendor_id   bigint not null references vendor,
    coupon_code text not null check (coupon_code = upper(coupon_code) and length(coupon_code) between 2 and 64),
    link_id     bigint not null,
    since       timestamptz not null default now(),
    until       timestamptz,
    primary key (vendor_id, coupon_code),
    foreign key (vendor_id, link_id) references link (vendor_id, link_id),
    check (until > since)
);
comment on table coupon is 'A code that shoppers type at the checkout: credits the link''s affiliate where no click does. In capitals.';

create table bank_account (
    affiliate_id bigint primary key references affiliate,
    account_hash bytea not null check (length(account_hash) = 32),
    changed_at   timestamptz not null default now()
);
comment on table bank_account is 'Where an affiliate is paid, as a keyed hash: equal hashes are one account. A change holds payouts for the cooling-off period.';
create index bank_account_hash on bank_account (account_hash);

create function no_change() returns trigger language plpgsql as $$
begin
    raise exception 'table % is append-only: add a row that corrects it', tg_table_name using errcode = 'restrict_violation';
end $$;
create trigger append_only before update or delete or truncate on partnership_rate execute function no_change();
create trigger append_only before update or delete or truncate on product_rate execute function no_change();
create trigger append_only before update or delete or truncate on vendor_terms execute function no_change();
