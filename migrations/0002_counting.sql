-- Counting: what `flush` writes. The watermark and the counts move in one commit; nothing else may write here.

create table flush_partition (
    part            smallint primary key check (part >= 0),
    clicks          bigint not null default 0 check (clicks >= 0),
    pruned_clicks   bigint not null default 0 check (pruned_clicks >= 0),
    flushed_at      timestamptz
);
comment on table flush_partition is 'One row a partition; its lock is what serialises aggregators. `clicks` is everything counted, `pruned_clicks` the part whose batches are no longer kept.';

create table flush_watermark (
    part   smallint not null references flush_partition,
    lane   integer not null check (lane between 0 and 65535),
    seq    bigint not null check (seq >= 0),
    claim  bigint not null check (claim >= 0),
    primary key (part, lane)
);
comment on table flush_watermark is 'Every record of the lane up to `seq` is counted. `claim`: how many that are, as the journal states it; the sum over lanes equals the clicks counted, or the books do not add up.';

create table flush_batch (
    seal         text primary key,
    part         smallint not null references flush_partition,
    clicks       bigint not null check (clicks >= 0),
    claimed      bigint not null,
    row_count    integer not null check (row_count >= 0),
    lanes        integer[] not null,
    base         bigint[] not null,
    upto         bigint[] not null,
    committed_at timestamptz not null default now(),
    check (cardinality(lanes) = cardinality(base) and cardinality(lanes) = cardinality(upto))
);
comment on table flush_batch is 'One row for every bucket that was added: which interval of which lanes, and how many clicks.';
create index flush_batch_committed on flush_batch (committed_at);

create table click_hourly (
    link_id         bigint not null,
    hour            timestamptz not null,
    human_clicks    bigint not null default 0 check (human_clicks >= 0),
    filtered_clicks bigint not null default 0 check (filtered_clicks >= 0),
    primary key (link_id, hour)
) with (fillfactor = 80); -- a flush raises today's rows again and again: in place, while there is room in their page
comment on table click_hourly is 'Clicks of a link in an hour (UTC): by people, and by programs. No foreign key: a deleted link must not stop a flush.';
-- Rows arrive in the order of time: ranges of pages tell as much as a tree of rows, and cost a flush nothing.
create index click_hourly_hour on click_hourly using brin (hour) with (pages_per_range = 32, autosummarize = on);

create table click_daily_platform (
    link_id      bigint not null,
    day          date not null,
    device       smallint not null,
    browser      smallint not null,
    os           smallint not null,
    human_clicks bigint not null check (human_clicks >= 0),
    primary key (link_id, day, device, browser, os)
) with (fillfactor = 80);
comment on table click_daily_platform is 'Human clicks of a link in a day (UTC) by what people hold. Codes are named in `vocabulary`.';

create table click_daily_origin (
    link_id      bigint not null,
    day          date not null,
    country      smallint not null,
    channel      smallint not null,
    human_clicks bigint not null check (human_clicks >= 0),
    primary key (link_id, day, country, channel)
) with (fillfactor = 80);
comment on table click_daily_origin is 'Human clicks of a link in a day (UTC) by where people come from. Codes are named in `vocabulary`; a country is 0 or 1 + 26*(first letter - A) + (second letter - A).';

create table visit_daily (
    link_id  bigint not null,
    day      date not null,
    sketch   bytea not null,
    estimate bigint not null check (estimate >= 0),
    primary key (link_id, day)
);
comment on table visit_daily is 'Unique human visitors of a link in a day: a HyperLogLog in the Redis format, standard error 0.81 %. Unions over links and days are true unions within a month of visitor keys; never add estimates.';

create table vocabulary (
    kind text not null check (kind in ('device', 'browser', 'os', 'channel')),
    code smallint not null,
    name text not null,
    primary key (kind, code)
);
comment on table vocabulary is 'Names of the codes in click_daily_platform and click_daily_origin, written by `aggregator migrate` from the code that gives them.';

create table installation (
    only_row   boolean primary key default true check (only_row),
    partitions smallint not null check (partitions between 1 and 128 and partitions & (partitions - 1) = 0)
);
comment on table installation is 'What was fixed at install: the number of partitions that counters are spread over.';
