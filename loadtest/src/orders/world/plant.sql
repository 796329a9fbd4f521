-- From `made_up (what, row)`: a whole programme with its past, in an empty database, ids as they are given.
create function pg_temp.at(ms jsonb) returns timestamptz language sql immutable as $$
    select case when ms is null or ms = 'null' then null else to_timestamp(0) + (ms::bigint / 1000) * interval '1 s'
                + (ms::bigint % 1000) * interval '1 ms' end
$$;

insert into vendor (vendor_id, name, is_active, created_at) overriding system value
select (row->>'vendor')::bigint, 'Made-up Shop ' || (row->>'vendor'), (row->>'active')::boolean, pg_temp.at(row->'since')
from made_up where what = 'vendor';

insert into affiliate (affiliate_id, username, name, email, status, is_active, created_at) overriding system value
select (row->>'affiliate')::bigint, 'made.up.' || (row->>'affiliate'), 'Made-up Person ' || (row->>'affiliate'),
       'person@a' || (row->>'affiliate') || '.example.com', row->>'status', (row->>'active')::boolean, pg_temp.at(row->'since')
from made_up where what = 'affiliate';

-- Everybody's own account, not changed for long: payouts go.
insert into bank_account (affiliate_id, account_hash, changed_at)
select affiliate_id, sha256(convert_to(username, 'UTF8')), now() - interval '90 days' from affiliate;

insert into product (product_id, vendor_id, name, destination) overriding system value
select (row->>'product')::bigint, (row->>'vendor')::bigint, 'Thing ' || (row->>'product'),
       'https://shop.example.com/p/' || (row->>'product')
from made_up where what = 'product';

insert into partnership (vendor_id, affiliate_id, status, joined_at)
select (row->>'vendor')::bigint, (row->>'affiliate')::bigint, row->>'status', pg_temp.at(row->'since')
from made_up where what = 'partnership';

insert into link (link_id, code, vendor_id, affiliate_id, destination, is_active, expiry_date, created_at) overriding system value
select (row->>'link')::bigint, row->>'code', (row->>'vendor')::bigint, (row->>'affiliate')::bigint,
       'https://shop.example.com/' || (row->>'code'), (row->>'active')::boolean, pg_temp.at(row->'expires'), pg_temp.at(row->'since')
from made_up where what = 'link';

-- The triggers noted today's standing from the beginning on; this is how it really was.
insert into vendor_standing (vendor_id, since, is_active)
select (row->>'vendor')::bigint, pg_temp.at(row->'since'), (row->>'active')::boolean
from made_up where what = 'vendor_standing'
on conflict (vendor_id, since) do update set is_active = excluded.is_active;

insert into affiliate_standing (affiliate_id, since, status, is_active)
select (row->>'affiliate')::bigint, pg_temp.at(row->'since'), row->>'status', (row->>'active')::boolean
from made_up where what = 'affiliate_standing'
on conflict (affiliate_id, since) do update set status = excluded.status, is_active = excluded.is_active;

insert into partnership_standing (vendor_id, affiliate_id, since, status)
select (row->>'vendor')::bigint, (row->>'affiliate')::bigint, pg_temp.at(row->'since'), row->>'status'
from made_up where what = 'partnership_standing'
on conflict (vendor_id, affiliate_id, since) do update set status = excluded.status;

insert into link_standing (link_id, since, is_active, expiry_date)
select (row->>'link')::bigint, pg_temp.at(row->'since'), (row->>'active')::boolean, pg_temp.at(row->'expires')
from made_up where what = 'link_standing'
on conflict (link_id, since) do update set is_active = excluded.is_active, expiry_date = excluded.expiry_date;

-- A new vendor has its first terms already.
insert into vendor_terms (vendor_id, since, window_days, hold_days, attribution)
select (row->>'vendor')::bigint, pg_temp.at(row->'since'), (row->>'window')::int, (row->>'hold')::int, row->>'rule'
from made_up where what = 'vendor_terms'
on conflict (vendor_id, since) do nothing;

insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
select (row->>'vendor')::bigint, (row->>'affiliate')::bigint, pg_temp.at(row->'since'), (row->>'rate')::int
from made_up where what = 'partnership_rate';

insert into product_rate (vendor_id, product_id, since, rate_ppm)
select (row->>'vendor')::bigint, (row->>'product')::bigint, pg_temp.at(row->'since'), (row->>'rate')::int
from made_up where what = 'product_rate';

insert into coupon (vendor_id, coupon_code, link_id, since, until)
select (row->>'vendor')::bigint, row->>'code', (row->>'link')::bigint, pg_temp.at(row->'since'), pg_temp.at(row->'until')
from made_up where what = 'coupon';

insert into api_key (api_key_id, vendor_id, name, secret_sha256, scopes)
select row->>'id', (row->>'vendor')::bigint, 'Load test ' || (row->>'id'), sha256(convert_to(row->>'secret', 'UTF8')),
       array['orders:write']
from made_up where what = 'api_key';
