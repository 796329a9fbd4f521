-- What lies on the programme's desk: applications, requests, invitations, and systems that are told what happens.

insert into affiliate (username, name, email, status, rejection_reason, country, bio, website, instagram, created_at)
select username, name, username || '@' || username || '.example.com', status, reason, country, bio,
       'https://' || username || '.example.com/', 'demo.' || username, now() - ago
from (values
    ('yara',    'Yara Yesterday',   'pending',  null, 'DE', 'I write about balconies and rain barrels.',       interval '6 days 3 hours'),
    ('zeno',    'Zeno Zilch',       'pending',  null, 'NL', 'Bicycle touring with a teapot.',                  interval '4 days 7 hours'),
    ('aurel',   'Aurel Absent',     'pending',  null, 'AT', 'A book club of twelve, and their friends.',       interval '2 days 5 hours'),
    ('blanka',  'Blanka Blank',     'pending',  null, 'PL', 'Herbs, soups and long evenings.',                 interval '1 day 2 hours'),
    ('cosmo',   'Cosmo Cardboard',  'pending',  null, 'GB', 'Unboxing things that are not there.',             interval '3 hours'),
    ('derek',   'Derek Dubious',    'rejected', 'The documents show another name than the application. Please apply again with your own.',
                                                      'US', 'I promote everything, everywhere, to everybody.', interval '21 days')
) as a (username, name, status, reason, country, bio, ago);

insert into affiliate_request
    (affiliate_id, request_type, vendor_id, product_id, status, message, response_message, created_at, responded_at, responded_by)
select a.affiliate_id, r.type, v.vendor_id, p.product_id, r.status, r.message, r.response, now() - r.ago,
       case when r.status <> 'pending' then now() - r.ago + interval '26 hours' end,
       case when r.status <> 'pending' then 'First Operator <operator@example.com>' end
from (values
    ('xaver',   'partner_with_vendor', 'Placeholder Books',    null::text,         'pending',  'I review a repair manual every month.', null, interval '3 days'),
    ('xaver',   'partner_with_vendor', 'Mockup Garden Supply', null,               'pending',  'My viewers ask for rain barrels.', null, interval '2 days'),
    ('nora',    'raise_rate',          'Sample Bicycle Works', null,               'pending',  'Two years of riding your bikes, and the best conversion I have. Could we talk about 14 %?', null, interval '31 hours'),
    ('paula',   'promote_product',     'Example Tea House',    'Yearly Tea Club',  'pending',  'I would build a whole series around it.', null, interval '20 hours'),
    ('leni',    'other',               'Placeholder Books',    null,               'pending',  'Do you have pictures of the covers for print?', null, interval '5 hours'),
    ('vera',    'partner_with_vendor', 'Sample Bicycle Works', null,               'approved', 'My ceramics travel by bicycle.', 'Welcome! Please read our guide on pictures first.', interval '16 days'),
    ('umar',    'partner_with_vendor', 'Placeholder Books',    null,               'approved', 'Winter is for reading about seeds.', 'Gladly.', interval '24 days'),
    ('gustav',  'promote_product',     'Sample Bicycle Works', 'Gravel Frame',     'approved', 'It is in every one of my films already.', 'Go ahead.', interval '40 days'),
    ('milan',   'raise_rate',          'Mockup Garden Supply', null,               'approved', 'The raised beds sell well.', 'Agreed, from the next month on.', interval '52 days'),
    ('quentin', 'partner_with_vendor', 'Mockup Garden Supply', null,               'rejected', 'I also have a garden.', 'We look for people who show gardens. Books fit you better.', interval '33 days'),
    ('wanda',   'partner_with_vendor', 'Placeholder Books',    null,               'rejected', 'I list coupons.', 'We do not work with coupon lists.', interval '45 days'),
    ('egon',    'raise_rate',          'Mockup Garden Supply', null,               'rejected', 'More, please.', 'Not with these return rates.', interval '28 days')
) as r (username, type, vendor, product, status, message, response, ago)
join affiliate a using (username)
join vendor v on v.name = r.vendor
left join product p on p.vendor_id = v.vendor_id and p.name = r.product;

-- Nobody knows the tokens: what was made up here cannot be accepted by whoever reads this file.
insert into invitation
    (email, vendor_id, rate_ppm, token_sha256, message, invited_by, sent_at, expires_at, opened_at, accepted_at, revoked_at, affiliate_id)
select i.email, v.vendor_id, i.rate_ppm, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), i.message,
       'First Operator <operator@example.com>', now() - ago, now() - ago + interval '14 days',
       case when how in ('opened', 'accepted') then now() - ago + interval '5 hours' end,
       case when how = 'accepted' then now() - ago + interval '6 hours' end,
       case when how = 'revoked' then now() - ago + interval '2 days' end,
       a.affiliate_id
from (values
    ('sent',     'tea.blog@edda.example.com',     'Example Tea House',    90000,     'We like what you write about oolong.',  interval '2 days',  null::text),
    ('sent',     'films@falk.example.com',        'Sample Bicycle Works', 80000,     'Your film about the alps made us look for you.', interval '20 hours', null),
    ('opened',   'garden@gesa.example.com',       'Mockup Garden Supply', 100000,    'Would you show our raised beds?',       interval '3 days',  null),
    ('opened',   'letters@hugo.example.com',      null,                   null::int, '',                                      interval '5 days',  null),
    ('accepted', 'xaver@xaver.example.com',       'Sample Bicycle Works', 90000,     'Join us: bicycles need people like you.', interval '15 days', 'xaver'),
    ('accepted', 'vera@vera.example.com',         'Example Tea House',    70000,     'Cups like yours want tea.',             interval '29 days', 'vera'),
    ('expired',  'books@inka.example.com',        'Placeholder Books',    85000,     'A list for the long nights?',           interval '31 days', null),
    ('expired',  'hello@jasper.example.com',      null,                   null,      '',                                      interval '47 days', null),
    ('revoked',  'wrong.address@kira.example.com', 'Example Tea House',   90000,     'We like what you write about oolong.',  interval '9 days',  null)
) as i (how, email, vendor, rate_ppm, message, ago, username)
left join vendor v on v.name = i.vendor
left join affiliate a using (username);

-- Two systems that are told. The names lead nowhere: one hears of affiliates, which is rare, and one was switched off
-- after it had not answered for days.
insert into webhook_target
    (target_id, vendor_id, url, topics, sealed_secret, consecutive_failures, failing_since, disabled_at, disabled_reason, created_at)
select target_id, vendor_id, url, topics, sha256(convert_to(gen_random_uuid()::text, 'UTF8')), failures,
       case when failures > 0 then now() - interval '9 days' end, case when failures > 0 then now() - interval '5 days' end,
       case when failures > 0 then 'it did not answer for days' end, now() - interval '60 days'
from (values
    ('wht_demo_newsletter', null::text,             'https://letters.example.com/hooks/affiliates',
     array['affiliate.approved', 'affiliate.rejected', 'affiliate.suspended', 'affiliate.reactivated'], 0),
    ('wht_demo_warehouse',  'Sample Bicycle Works', 'https://warehouse.bicycles.example.com/orders',
     array['order.settled', 'payout.paid'], 23)
) as t (target_id, vendor, url, topics, failures)
left join vendor on vendor.name = t.vendor;

with told as (
    select 'msg_demo_' || n as message_id, 'wht_demo_newsletter' as target_id, null::bigint as vendor_id,
           case when username = 'wanda' then 'affiliate.suspended' else 'affiliate.approved' end as topic,
           jsonb_build_object('affiliate_id', public_id, 'username', username, 'status', status, 'is_active', is_active) as data,
           at, true as is_heard
    from (
        select public_id, username, status, is_active, row_number() over () as n,
               case when username = 'wanda' then now() - interval '10 days' else approved_at end as at
        from affiliate
        where username in ('wanda', 'vera', 'xaver')
    ) as of_affiliate
    union all
    select 'msg_demo_order_' || n, 'wht_demo_warehouse', vendor_id, 'order.settled',
           jsonb_build_object('order_id', order_id, 'order_ref', order_ref, 'status', status, 'currency', currency,
                              'net_minor', net_minor, 'commission_minor', commission_minor),
           settled_at, settled_at < now() - interval '9 days'
    from (
        select o.*, row_number() over (order by settled_at desc) as n
        from customer_order o
        join vendor using (vendor_id)
        where vendor.name = 'Sample Bicycle Works' and settled_at between now() - interval '20 days' and now() - interval '5 days'
    ) as of_order
    where n <= 80
),
message as (
    insert into webhook_message (message_id, vendor_id, topic, payload, created_at)
    select message_id, vendor_id, topic,
           jsonb_build_object('type', topic, 'data', data, 'timestamp', to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')), at
    from told
    returning message_id
)
insert into webhook_delivery (message_id, target_id, vendor_id, attempts, next_attempt_at, delivered_at, last_status, last_error)
select told.message_id, told.target_id, told.vendor_id, case when is_heard then 1 else 10 end, null,
       case when is_heard then at + interval '400 milliseconds' end, case when is_heard then 204 else 503 end,
       case when is_heard then null else 'it answered 503 Service Unavailable' end
from told
join message using (message_id);
