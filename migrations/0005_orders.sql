-- Orders as shops report them, and what follows from them. Shops' events are kept for ever and never changed; all else
-- is a function of them, and `settle` may work it out again at any time.

create table api_key (
    api_key_id    text primary key check (api_key_id ~ '^[0-9a-z]{8,32}$'),
    vendor_id     bigint references vendor,
    name          text not null check (length(name) between 1 and 200),
    secret_sha256 bytea not null check (length(secret_sha256) = 32),
    scopes        text[] not null check (cardinality(scopes) > 0 and
                  scopes <@ array['orders:write', 'reports:read', 'holds:review', 'payouts:write', 'payouts:approve']),
    created_at    timestamptz not null default now(),
    revoked_at    timestamptz
);
comment on table api_key is 'Who may call the API. Without a vendor: the whole programme. Only the secret''s hash is kept.';
comment on column api_key.name is 'Who holds it. Two people are two names: nobody approves what they asked for.';

create table webhook_endpoint (
    webhook_endpoint_id text primary key check (webhook_endpoint_id ~ '^[0-9a-z]{16,32}$'),
    vendor_id           bigint references vendor,
    source              text not null check (source in ('standard', 'stripe', 'shopify', 'woocommerce', 'postback')),
    created_at          timestamptz not null default now(),
    disabled_at         timestamptz
);
comment on table webhook_endpoint is 'An address that a shop system sends orders to. Without a vendor: items must say whose they are.';

create table webhook_secret (
    webhook_endpoint_id text not null references webhook_endpoint,
    secret_no           integer not null check (secret_no > 0),
    sealed              bytea not null,
    created_at          timestamptz not null default now(),
    valid_until         timestamptz,
    primary key (webhook_endpoint_id, secret_no)
);
comment on table webhook_secret is 'What an endpoint''s calls are signed with, encrypted by the console. While a secret is replaced two are valid.';

create table order_event (
    vendor_id   bigint not null references vendor,
    event_id    text not null check (length(event_id) between 1 and 200),
    order_ref   text not null check (length(order_ref) between 1 and 200),
    kind        text not null check (kind in ('abandoned', 'placed', 'completed', 'refunded', 'chargeback', 'cancelled')),
    version     bigint not null default 0 check (version >= 0),
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    source      text not null check (source in ('api', 'standard', 'stripe', 'shopify', 'woocommerce', 'postback')),
    body        jsonb not null,
    body_sha256 bytea not null check (length(body_sha256) = 32),
    parked      text check (length(parked) > 0),
    primary key (vendor_id, event_id)
);
comment on table order_event is 'What a shop reported, once for every event id, for ever. `body` is a common::order::Event; `parked` says why an event takes no part until somebody has looked at it.';
create index order_event_order on order_event (vendor_id, order_ref);
create index order_event_parked on order_event (received_at) where parked is not null;

create function order_event_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and old.parked is not null and new.parked is null
        and (to_jsonb(old) - 'parked') = (to_jsonb(new) - 'parked') then
        return new; -- somebody has looked at it
    end if;
    raise exception 'order events are kept as they came: report another event' using errcode = 'restrict_violation';
end $$;
create trigger order_event_kept before update or delete on order_event for each row execute function order_event_kept();

create table programme_event (
    event_id    text primary key check (length(event_id) between 1 and 200),
    body_sha256 bytea not null check (length(body_sha256) = 32),
    received_at timestamptz not null
);
comment on table programme_event is 'Events reported for the whole programme: each may have become one order_event for each vendor whose items it has.';

create table order_due (
    order_due_id bigint generated always as identity primary key,
    vendor_id    bigint not null,
    order_ref    text not null,
    queued_at    timestamptz not null default clock_timestamp()
);
comment on table order_due is 'Orders that `settle` has yet to look at. A row is deleted in the transaction that settled it.';

create table customer_order (
    vendor_id        bigint not null references vendor,
    order_ref        text not null,
    order_id         text not null default 'ord_' || replace(gen_random_uuid()::text, '-', '') unique,
    status           text not null default 'Abandoned'
                     check (status in ('Abandoned', 'Pending', 'Completed', 'Paid', 'Refunded', 'Cancelled')),
    currency         text check (currency ~ '^[A-Z]{3}$'),
    net_minor        bigint not null default 0 check (net_minor >= 0),
    refunded_minor   bigint not null default 0 check (refunded_minor between 0 and net_minor),
    commission_minor bigint not null default 0 check (commission_minor between 0 and net_minor - refunded_minor),
    paid_minor       bigint not null default 0,
    link_id          bigint,
    affiliate_id     bigint references affiliate,
    credited_by      text check (credited_by in ('click', 'coupon')),
    not_credited     text,
    click_at         timestamptz,
    channel          smallint,
    placed_at        timestamptz,
    completed_at     timestamptz,
    matures_at       timestamptz,
    is_held          boolean not null default false,
    event_count      integer not null default 0 check (event_count >= 0),
    ledger_tx_count  integer not null default 0 check (ledger_tx_count >= 0),
    settled_at       timestamptz,
    primary key (vendor_id, order_ref),
    foreign key (vendor_id, link_id) references link (vendor_id, link_id), -- another vendor's link cannot be credited
    check ((link_id is null) = (affiliate_id is null) and (link_id is null) = (credited_by is null))
);
comment on table customer_order is 'An order as its events and its clicks make it: written by `settle` alone.';
comment on column customer_order.not_credited is 'Why nobody is credited, in words for the shop.';
comment on column customer_order.matures_at is 'When its pending commission becomes payable; null when nothing waits for a moment.';
comment on column customer_order.event_count is 'Events that were folded, parked ones left out.';
create index customer_order_matures on customer_order (matures_at) where matures_at is not null;
create index customer_order_link on customer_order (link_id) where link_id is not null;
create index customer_order_affiliate on customer_order (affiliate_id, placed_at) where affiliate_id is not null;
create index customer_order_placed on customer_order (placed_at);

create table order_line (
    vendor_id        bigint not null,
    order_ref        text not null,
    item_id          text not null,
    product_id       bigint,
    name             text,
    quantity         integer not null check (quantity > 0),
    refunded_quantity integer not null default 0 check (refunded_quantity >= 0),
    net_minor        bigint not null check (net_minor >= 0),
    refunded_minor   bigint not null check (refunded_minor between 0 and net_minor),
    rate_ppm         integer check (rate_ppm between 0 and 1000000),
    rate_source      text check (rate_source in ('partnership', 'product')),
    commission_minor bigint not null check (commission_minor >= 0),
    primary key (vendor_id, order_ref, item_id),
    foreign key (vendor_id, order_ref) references customer_order (vendor_id, order_ref)
);
comment on table order_line is 'An order''s items with the rate that was in force, and the commission each brings on what remains after refunds, rounded once.';

create table order_candidate (
    vendor_id  bigint not null,
    order_ref  text not null,
    candidate  text not null,
    kind       text not null check (kind in ('click', 'coupon')),
    refused    text,
    link_id    bigint,
    click_at   timestamptz,
    visitor    bigint,
    channel    smallint,
    lane       integer,
    seq        bigint,
    verdict    text not null,
    primary key (vendor_id, order_ref, candidate),
    foreign key (vendor_id, order_ref) references customer_order (vendor_id, order_ref)
);
comment on table order_candidate is 'Every click token and coupon that an order came with, and why it was credited or not.';
comment on column order_candidate.candidate is 'The token as it came, or the coupon code.';
comment on column order_candidate.refused is 'Why the token''s signature was not believed when it was first seen; what it says was then not read.';
create index order_candidate_click on order_candidate (lane, seq) where refused is null and kind = 'click';

create table hold (
    vendor_id   bigint not null,
    order_ref   text not null,
    flag        text not null check (flag in ('self_referral', 'fast_order', 'click_velocity', 'token_spread', 'shared_bank_account')),
    reason      text not null,
    state       text not null default 'open' check (state in ('open', 'released', 'confirmed')),
    raised_at   timestamptz not null,
    reviewed_by text,
    reviewed_at timestamptz,
    note        text check (length(note) <= 2000),
    primary key (vendor_id, order_ref, flag),
    foreign key (vendor_id, order_ref) references customer_order (vendor_id, order_ref),
    check ((state = 'open') = (reviewed_at is null) and (state = 'open') = (reviewed_by is null))
);
comment on table hold is 'A reason to look at an order before its commission is paid. Held commission stays pending until every hold is released; it is never deleted.';
create index hold_open on hold (raised_at) where state = 'open';

-- The ledger.

create table ledger_tx (
    ledger_tx_id bigint generated always as identity primary key,
    vendor_id    bigint not null references vendor,
    idem         text not null,
    reason       text not null check (reason in ('settle', 'payout')),
    at           timestamptz not null,
    unique (vendor_id, idem),
    unique (vendor_id, ledger_tx_id)
);
comment on table ledger_tx is 'One booking. `idem` is what makes it happen once.';

create table ledger_entry (
    ledger_tx_id bigint not null,
    vendor_id    bigint not null,
    affiliate_id bigint not null,
    link_id      bigint not null,
    order_ref    text not null,
    account      text not null check (account in ('expense', 'pending', 'payable', 'cash')),
    currency     text not null check (currency ~ '^[A-Z]{3}$'),
    amount_minor bigint not null check (amount_minor <> 0),
    primary key (ledger_tx_id, order_ref, affiliate_id, link_id, account, currency),
    foreign key (vendor_id, ledger_tx_id) references ledger_tx (vendor_id, ledger_tx_id),
    foreign key (vendor_id, order_ref) references customer_order (vendor_id, order_ref),
    foreign key (vendor_id, link_id) references link (vendor_id, link_id)
);
comment on table ledger_entry is 'Debits are positive: expense +, and pending, payable or cash − for what is owed or paid. A transaction''s entries sum to zero in every currency; nothing is ever changed.';
create index ledger_entry_order on ledger_entry (vendor_id, order_ref);
create index ledger_entry_affiliate on ledger_entry (affiliate_id, vendor_id);
create index ledger_entry_link on ledger_entry (link_id);

create function ledger_balanced() returns trigger language plpgsql as $$
begin
    if exists (select from ledger_entry where ledger_tx_id = new.ledger_tx_id group by currency having sum(amount_minor) <> 0) then
        raise exception 'ledger transaction % does not sum to zero', new.ledger_tx_id using errcode = 'check_violation';
    end if;
    return null;
end $$;
create constraint trigger ledger_balanced after insert on ledger_entry
    deferrable initially deferred for each row execute function ledger_balanced();
create trigger append_only before update or delete or truncate on ledger_entry execute function no_change();
create trigger append_only before update or delete or truncate on ledger_tx execute function no_change();

create table order_daily (
    link_id          bigint not null,
    day              date not null,
    currency         text not null,
    orders           bigint not null check (orders >= 0),
    revenue_minor    bigint not null check (revenue_minor >= 0),
    commission_minor bigint not null check (commission_minor >= 0),
    primary key (link_id, day, currency)
);
comment on table order_daily is 'Credited orders of a link by the day (UTC) they were placed, cancelled ones left out: their number, what remains of their net amounts, and their commission.';

create table link_conversion (
    link_id        bigint primary key,
    human_clicks   bigint not null,
    orders         bigint not null,
    conversion_ppm bigint,
    computed_at    timestamptz not null
);
comment on table link_conversion is 'Orders for each human click, in millionths, as `convert` found them in one snapshot; null without clicks.';

create view link_total with (security_invoker = true) as
select l.link_id,
       coalesce(c.clicks, 0) as clicks,
       coalesce(c.filtered_clicks, 0) as filtered_clicks,
       coalesce(o.orders, 0) as orders,
       o.currency,
       coalesce(o.revenue, 0) as revenue_minor,
       coalesce(o.commission, 0) as total_commission_minor
from link l
left join lateral (select sum(human_clicks) as clicks, sum(h.filtered_clicks) as filtered_clicks
                   from click_hourly h where h.link_id = l.link_id) c on true
left join lateral (select currency, sum(d.orders) as orders, sum(revenue_minor) as revenue, sum(commission_minor) as commission
                   from order_daily d where d.link_id = l.link_id group by currency) o on true;
comment on view link_total is 'A link''s clicks, orders and commission over all time, a row for each currency it earned in.';

-- Payouts: the console writes down what people decide, `payout` collects and books.

create table payout_batch (
    payout_batch_id text primary key default 'po_' || replace(gen_random_uuid()::text, '-', ''),
    vendor_id       bigint references vendor,
    currency        text not null check (currency ~ '^[A-Z]{3}$'),
    minimum_minor   bigint not null default 1 check (minimum_minor > 0),
    state           text not null default 'requested' check (state in ('requested', 'open', 'empty', 'approved', 'paid', 'rejected')),
    requested_by    text not null,
    requested_at    timestamptz not null default now(),
    collected_at    timestamptz,
    decided_by      text check (decided_by <> requested_by),
    decided_at      timestamptz,
    note            text check (length(note) <= 2000),
    paid_at         timestamptz,
    check ((state in ('approved', 'paid', 'rejected')) = (decided_by is not null) and (decided_by is null) = (decided_at is null)),
    check ((state = 'paid') = (paid_at is not null))
);
comment on table payout_batch is 'Matured commission on its way to affiliates: requested → open (or empty) → approved by a second person → paid, or rejected.';

create table payout_line (
    payout_batch_id text not null references payout_batch,
    vendor_id       bigint not null,
    affiliate_id    bigint not null references affiliate,
    amount_minor    bigint not null check (amount_minor > 0),
    paid_minor      bigint check (paid_minor between 0 and amount_minor),
    primary key (payout_batch_id, vendor_id, affiliate_id),
    foreign key (vendor_id, affiliate_id) references partnership (vendor_id, affiliate_id)
);
comment on table payout_line is 'What one affiliate gets from one vendor in a batch: approved, and then paid. Less is paid if an order changed in between.';

create table payout_order (
    payout_batch_id text not null,
    vendor_id       bigint not null,
    affiliate_id    bigint not null,
    order_ref       text not null,
    link_id         bigint not null,
    payable_minor   bigint not null check (payable_minor <> 0),
    state           text not null default 'collected' check (state in ('collected', 'paid', 'left')),
    primary key (payout_batch_id, vendor_id, affiliate_id, order_ref, link_id),
    foreign key (payout_batch_id, vendor_id, affiliate_id) references payout_line (payout_batch_id, vendor_id, affiliate_id),
    foreign key (vendor_id, order_ref) references customer_order (vendor_id, order_ref)
);
comment on table payout_order is 'The orders of a payout line with what was payable when they were collected: negative is owed to the affiliate, positive is taken back after a refund. `left`: changed before it was paid, waits for the next batch.';
create index payout_order_order on payout_order (vendor_id, order_ref);
