-- The programme: who sells, what, through whom. The edges learn of links by `link_change`.

create table vendor (
    vendor_id    bigint generated always as identity (maxvalue 4294967295) primary key,
    name         text not null check (length(name) between 1 and 200),
    -- where shoppers go, untracked, while a link is paused or expired
    fallback_url text check (fallback_url ~ '^https?://[^[:space:]]+$' and length(fallback_url) <= 2048),
    is_active    boolean not null default true,
    created_at   timestamptz not null default now()
);
comment on table vendor is 'A shop that takes part in the programme.';

create table affiliate (
    affiliate_id bigint generated always as identity primary key,
    username     text not null unique check (username ~ '^[a-z0-9_.-]{2,40}$'),
    name         text not null check (length(name) between 1 and 200),
    status       text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    is_active    boolean not null default true,
    created_at   timestamptz not null default now()
);
comment on table affiliate is 'Somebody who promotes products. `status` and `is_active` are independent.';

create table product (
    product_id  bigint generated always as identity primary key,
    vendor_id   bigint not null references vendor,
    name        text not null check (length(name) between 1 and 200),
    destination text not null check (destination ~ '^https?://[^[:space:]]+$' and length(destination) <= 2048),
    created_at  timestamptz not null default now(),
    unique (vendor_id, product_id)
);
comment on table product is 'Something a vendor sells.';

create table link (
    link_id      bigint generated always as identity (maxvalue 1099511627775) primary key, -- five bytes in the token
    code         text not null unique check (code ~ '^[0-9A-Za-z_-]{4,32}$'),
    vendor_id    bigint not null references vendor,
    product_id   bigint,
    affiliate_id bigint not null references affiliate,
    destination  text not null check (destination ~ '^https?://[^[:space:]]+$' and length(destination) <= 2048),
    is_active    boolean not null default true,
    expiry_date  timestamptz,
    version      bigint not null default 0,
    created_at   timestamptz not null default now(),
    unique (vendor_id, link_id),
    foreign key (vendor_id, product_id) references product (vendor_id, product_id)
);
comment on table link is 'A tracked link of one affiliate to one vendor. From `expiry_date` on it is expired.';
comment on column link.version is 'Grows with every change that edges must hear of; at least the time in ms, so that it also grows over a restored backup.';
create index link_vendor on link (vendor_id);
create index link_affiliate on link (affiliate_id);
create index link_code_prefix on link (code text_pattern_ops); -- search by the beginning of a code

create table link_change (
    link_change_id bigint generated always as identity primary key,
    link_id        bigint not null,
    code           text not null,
    version        bigint not null,
    changed_at     timestamptz not null default clock_timestamp()
);
comment on table link_change is 'What `publish` has yet to bring to Redis. A row is deleted in the transaction that published it, so that none is missed, in whatever order changes commit.';

-- What edges see of a link: it is tracked while it and everything it hangs on is active.
create view link_published with (security_invoker = true) as
select l.link_id, l.code, l.vendor_id, l.affiliate_id, l.product_id, l.destination, v.fallback_url, l.expiry_date, l.version,
       l.is_active and v.is_active and a.is_active and a.status = 'approved' as is_active
from link l
join vendor v using (vendor_id)
join affiliate a using (affiliate_id);
comment on view link_published is 'A link as the edges see it.';

create function link_version_next(current_version bigint) returns bigint
language sql volatile as $$
    select greatest(current_version + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
$$;

create function link_touch() returns trigger language plpgsql as $$
begin
    -- `publish` may ask for more: after a restored backup the edges have seen versions that Postgres has not.
    new.version := greatest(new.version, link_version_next(case tg_op when 'UPDATE' then old.version else 0 end));
    return new;
end $$;

create function link_announce() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into link_change (link_id, code, version) values (old.link_id, old.code, link_version_next(old.version));
    else
        if tg_op = 'UPDATE' and old.code <> new.code then
            insert into link_change (link_id, code, version) values (old.link_id, old.code, new.version);
        end if;
        insert into link_change (link_id, code, version) values (new.link_id, new.code, new.version);
    end if;
    perform pg_notify('link_change', '');
    return null;
end $$;

create trigger link_touch before insert or update on link
    for each row execute function link_touch();
create trigger link_announce after insert or update or delete on link
    for each row execute function link_announce();

-- A change of a vendor or affiliate changes what its links are published as.
create function vendor_announce() returns trigger language plpgsql as $$
begin
    update link set version = version where vendor_id = new.vendor_id;
    return null;
end $$;
create trigger vendor_announce after update of is_active, fallback_url on vendor
    for each row when (old.is_active <> new.is_active or old.fallback_url is distinct from new.fallback_url)
    execute function vendor_announce();

create function affiliate_announce() returns trigger language plpgsql as $$
begin
    update link set version = version where affiliate_id = new.affiliate_id;
    return null;
end $$;
create trigger affiliate_announce after update of is_active, status on affiliate
    for each row when (old.is_active <> new.is_active or old.status <> new.status)
    execute function affiliate_announce();
