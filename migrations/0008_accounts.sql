-- People who sign in, what they did, and what is sent to them.

alter table api_key drop constraint api_key_scopes_check;
alter table api_key add constraint api_key_scopes_check check (cardinality(scopes) > 0 and scopes <@ array[
    'orders:write', 'reports:read', 'holds:review', 'payouts:write', 'payouts:approve', 'affiliates:read', 'affiliates:write',
    'affiliates:review', 'programme:read', 'programme:write', 'accounts:write', 'webhooks:write', 'audit:read']);

create table account (
    account_id        text primary key default 'acc_' || replace(gen_random_uuid()::text, '-', ''),
    email             text not null unique check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    name              text not null check (length(name) between 1 and 200),
    role              text not null check (role in ('admin', 'reviewer', 'finance', 'vendor', 'affiliate')),
    vendor_id         bigint references vendor,
    affiliate_id      bigint references affiliate,
    password_hash     text,
    email_verified_at timestamptz,
    totp_sealed       bytea,
    totp_last_step    bigint not null default 0,
    disabled_at       timestamptz,
    created_at        timestamptz not null default now(),
    row_version       bigint not null default 1,
    check ((role = 'vendor') = (vendor_id is not null) and (role = 'affiliate') = (affiliate_id is not null))
);
comment on table account is 'Somebody who signs in: an operator (admin, reviewer, finance), or one who acts for a vendor or an affiliate.';
comment on column account.password_hash is 'Argon2id in PHC notation; null until a password is set by a link in a mail.';
create index account_vendor on account (vendor_id) where vendor_id is not null;
create index account_affiliate on account (affiliate_id) where affiliate_id is not null;

create table session (
    session_sha256     bytea primary key check (length(session_sha256) = 32),
    account_id         text not null references account,
    created_at         timestamptz not null,
    last_seen_at       timestamptz not null,
    reauthenticated_at timestamptz not null
);
comment on table session is 'A sign-in. Ends 30 minutes after it was last used, 12 hours after it began, or when it is deleted.';
create index session_account on session (account_id);

create table sign_in_failure (
    bucket     text primary key,
    failures   integer not null check (failures > 0),
    first_at   timestamptz not null,
    blocked_until timestamptz
);
comment on table sign_in_failure is 'Failed sign-ins of late, by account and by keyed hash of the address.';

create table mailed_token (
    token_sha256 bytea primary key check (length(token_sha256) = 32),
    purpose      text not null check (purpose in ('reset_password', 'verify_email')),
    account_id   text not null references account,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    used_at      timestamptz
);
comment on table mailed_token is 'What a link in a mail carries: good once, and for a while.';

create table audit_entry (
    audit_entry_id bigint generated always as identity primary key,
    at             timestamptz not null default clock_timestamp(),
    actor          text not null,
    action         text not null check (action ~ '^[a-z_]+(\.[a-z_]+)+$'),
    object         text not null,
    vendor_id      bigint,
    affiliate_id   bigint,
    detail         jsonb not null default '{}'
);
comment on table audit_entry is 'Every act of administration: who did what to what, for ever.';
create index audit_entry_object on audit_entry (object, audit_entry_id);
create trigger append_only before update or delete or truncate on audit_entry execute function no_change();

create table idempotency_key (
    caller          text not null,
    idempotency_key text not null check (length(idempotency_key) between 1 and 255),
    request_sha256  bytea not null check (length(request_sha256) = 32),
    status          integer,
    body            bytea,
    content_type    text,
    created_at      timestamptz not null default now(),
    primary key (caller, idempotency_key)
);
comment on table idempotency_key is 'Answers to requests that carried an Idempotency-Key, kept for a day: the same request again gets the same answer.';
create index idempotency_key_created on idempotency_key (created_at);

create table mail (
    mail_id         bigint generated always as identity primary key,
    recipient       text not null,
    subject         text not null check (length(subject) between 1 and 200),
    body            text not null,
    queued_at       timestamptz not null default now(),
    attempts        integer not null default 0,
    next_attempt_at timestamptz default now(),
    sent_at         timestamptz,
    last_error      text,
    check (sent_at is null or next_attempt_at is null)
);
comment on table mail is 'Mail on its way out: written in the transaction that has a reason for it, sent by the console''s worker. Without next_attempt_at it is done, or given up.';
create index mail_next on mail (next_attempt_at) where next_attempt_at is not null;
