-- Everything the programme lets people manage.

-- Names for addresses and APIs: random, so that nobody counts or guesses.
alter table vendor add column public_id text not null default 'ven_' || replace(gen_random_uuid()::text, '-', '') unique;
alter table affiliate add column public_id text not null default 'aff_' || replace(gen_random_uuid()::text, '-', '') unique;
alter table product add column public_id text not null default 'prd_' || replace(gen_random_uuid()::text, '-', '') unique;
alter table partnership add column public_id text not null default 'prt_' || replace(gen_random_uuid()::text, '-', '') unique;

alter table vendor
    add column website text check (website ~ '^https?://[^[:space:]]+$' and length(website) <= 2048),
    add column allowed_hosts text[] not null default '{}',
    add column row_version bigint not null default 1;
comment on column vendor.allowed_hosts is 'Hosts that links may lead to, in lower case; `.example.com` allows every name below. Empty: no link can be made.';
update vendor v set allowed_hosts = array(
    select distinct lower(substring(destination from '^https?://([^/:?#]+)')) from
        (select destination from product p where p.vendor_id = v.vendor_id union select destination from link l where l.vendor_id = v.vendor_id) d);

alter table product
    add column price_minor bigint check (price_minor between 0 and 1000000000000),
    add column currency text check (currency ~ '^[A-Z]{3}$'),
    add column is_active boolean not null default true,
    add column row_version bigint not null default 1,
    add check ((price_minor is null) = (currency is null));

alter table affiliate
    add column phone text check (length(phone) <= 40),
    add column country text check (country ~ '^[A-Z]{2}$'),
    add column bio text check (length(bio) <= 2000),
    add column website text check (website ~ '^https?://[^[:space:]]+$' and length(website) <= 2048),
    add column instagram text check (length(instagram) <= 100),
    add column twitter text check (length(twitter) <= 100),
    add column facebook text check (length(facebook) <= 100),
    add column rejection_reason text check (length(rejection_reason) between 1 and 2000),
    add column approved_at timestamptz,
    add column row_version bigint not null default 1;
update affiliate set approved_at = created_at where status = 'approved';
update affiliate set rejection_reason = 'not recorded' where status = 'rejected';
alter table affiliate
    add check ((status = 'rejected') = (rejection_reason is not null)),
    add constraint affiliate_approved check (status <> 'approved' or approved_at is not null);
create function affiliate_stamp() returns trigger language plpgsql as $$
begin
    -- Whoever inserts an approved affiliate need not say when.
    if new.status = 'approved' and new.approved_at is null then new.approved_at := now(); end if;
    return new;
end $$;
create trigger affiliate_stamp before insert or update of status on affiliate for each row execute function affiliate_stamp();
create unique index affiliate_email on affiliate (lower(email)) where email is not null;
create index affiliate_newest on affiliate (status, created_at desc, affiliate_id desc);

alter table link add column paused_with_affiliate boolean not null default false;
comment on column link.paused_with_affiliate is 'Switched off because its affiliate was, and switched on again with it; links that were off before stay off.';
create index link_paused_with_affiliate on link (affiliate_id) where paused_with_affiliate;

alter table partnership add column row_version bigint not null default 1;

alter table bank_account
    add column sealed bytea,
    add column bank_name text check (length(bank_name) <= 200),
    add column account_name text check (length(account_name) <= 200),
    add column masked_number text check (length(masked_number) <= 40);
comment on column bank_account.sealed is 'Account number, SWIFT/BIC and branch code, encrypted by the console.';

create table verification_document (
    document_id      text primary key default 'doc_' || replace(gen_random_uuid()::text, '-', ''),
    affiliate_id     bigint not null references affiliate,
    document_type    text not null check (document_type in ('identity', 'address', 'tax', 'bank', 'company', 'other')),
    object_name      text not null unique,
    content_type     text not null check (content_type in ('image/jpeg', 'image/png', 'image/webp', 'application/pdf')),
    size_bytes       bigint not null check (size_bytes between 1 and 5242880),
    content_sha256   bytea not null check (length(content_sha256) = 32),
    status           text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    rejection_reason text check (length(rejection_reason) between 1 and 2000),
    submitted_at     timestamptz not null default now(),
    verified_at      timestamptz,
    reviewer         text,
    row_version      bigint not null default 1,
    check ((status = 'rejected') = (rejection_reason is not null)),
    check ((status = 'pending') = (verified_at is null) and (status = 'pending') = (reviewer is null))
);
comment on table verification_document is 'What an affiliate proves who they are with. The file lies in the object store under a random name.';
create index verification_document_affiliate on verification_document (affiliate_id, submitted_at);

create table affiliate_request (
    request_id       text primary key default 'req_' || replace(gen_random_uuid()::text, '-', ''),
    affiliate_id     bigint not null references affiliate,
    request_type     text not null check (request_type in ('partner_with_vendor', 'promote_product', 'raise_rate', 'other')),
    vendor_id        bigint not null references vendor,
    product_id       bigint,
    status           text not null default 'pending' check (status in ('pending', 'approved', 'rejected')),
    message          text not null default '' check (length(message) <= 2000),
    response_message text check (length(response_message) <= 2000),
    created_at       timestamptz not null default now(),
    responded_at     timestamptz,
    responded_by     text,
    row_version      bigint not null default 1,
    foreign key (vendor_id, product_id) references product (vendor_id, product_id),
    check ((status = 'pending') = (responded_at is null) and (status = 'pending') = (responded_by is null))
);
comment on table affiliate_request is 'What an affiliate asks of a vendor. Approving "partner_with_vendor" makes the partnership.';
create index affiliate_request_affiliate on affiliate_request (affiliate_id, created_at);
create index affiliate_request_pending on affiliate_request (created_at) where status = 'pending';
create index affiliate_request_vendor on affiliate_request (vendor_id, created_at);
create unique index affiliate_request_once on affiliate_request (affiliate_id, vendor_id, request_type, coalesce(product_id, 0)) where status = 'pending';

create table invitation (
    invitation_id text primary key default 'inv_' || replace(gen_random_uuid()::text, '-', ''),
    email         text not null check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    vendor_id     bigint references vendor,
    token_sha256  bytea not null unique check (length(token_sha256) = 32),
    message       text not null default '' check (length(message) <= 2000),
    invited_by    text not null,
    sent_at       timestamptz not null default now(),
    expires_at    timestamptz not null,
    opened_at     timestamptz,
    accepted_at   timestamptz,
    revoked_at    timestamptz,
    affiliate_id  bigint references affiliate,
    row_version   bigint not null default 1,
    check ((accepted_at is null) = (affiliate_id is null))
);
comment on table invitation is 'An address that was asked to join: sent, opened, accepted, expired or revoked, by its times. With a vendor, accepting and being approved makes the partnership.';
create index invitation_newest on invitation (sent_at desc, invitation_id);
create unique index invitation_once on invitation (email, coalesce(vendor_id, 0)) where accepted_at is null and revoked_at is null;

-- Telling other systems.

create table webhook_target (
    target_id           text primary key default 'wht_' || replace(gen_random_uuid()::text, '-', ''),
    vendor_id           bigint references vendor,
    url                 text not null check (url ~ '^https?://[^[:space:]]+$' and length(url) <= 2048),
    topics              text[] not null check (cardinality(topics) > 0),
    sealed_secret       bytea not null,
    old_sealed_secret   bytea,
    old_secret_until    timestamptz,
    consecutive_failures integer not null default 0,
    disabled_at         timestamptz,
    disabled_reason     text,
    created_at          timestamptz not null default now(),
    row_version         bigint not null default 1
);
comment on table webhook_target is 'An address that is told what happens, signed by the rules of Standard Webhooks. Without a vendor: of the whole programme.';

create table webhook_message (
    message_id   text primary key default 'msg_' || replace(gen_random_uuid()::text, '-', ''),
    vendor_id    bigint,
    topic        text not null,
    payload      jsonb not null,
    created_at   timestamptz not null default clock_timestamp()
);
comment on table webhook_message is 'Something that happened and may be told.';
create index webhook_message_created on webhook_message (created_at);

create table webhook_delivery (
    message_id      text not null references webhook_message on delete cascade,
    target_id       text not null references webhook_target,
    vendor_id       bigint,
    attempts        integer not null default 0,
    next_attempt_at timestamptz default clock_timestamp(),
    delivered_at    timestamptz,
    last_status     integer,
    last_error      text,
    primary key (message_id, target_id)
);
comment on table webhook_delivery is 'One message on its way to one target. Without next_attempt_at it is delivered, or given up.';
create index webhook_delivery_next on webhook_delivery (next_attempt_at) where next_attempt_at is not null;
create index webhook_delivery_target on webhook_delivery (target_id, message_id);
