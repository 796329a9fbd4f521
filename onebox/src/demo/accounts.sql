-- The demo's people who can be signed in as, beside the first operator. Nobody has a password. They read the news yesterday.
insert into account (email, name, role, vendor_id, affiliate_id, email_verified_at, news_read_at)
select p.email, p.name, p.role, v.vendor_id, a.affiliate_id, now(), now() - interval '1 day'
from (values
    ('finance@example.com', 'Fiona Finance',      'finance',   null::text,          null::text),
    ('vendor@example.com',  'Example Shopkeeper', 'vendor',    'Example Tea House', null),
    ('ada@ada.example.com', 'Ada Placeholder',    'affiliate', null,                'ada')
) as p (email, name, role, vendor, username)
left join vendor v on v.name = p.vendor
left join affiliate a on a.username = p.username
where (p.vendor is null or v.vendor_id is not null) and (p.username is null or a.affiliate_id is not null)
on conflict (email) do nothing;
