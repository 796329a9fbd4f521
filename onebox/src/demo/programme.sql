-- The demo programme: all names are made up, all destinations lead to example.com. Only for a database without any
-- vendor; the lock makes a second onebox that starts at the same moment see the first one's vendors.
--
-- It began 95 days ago, and what changed since then stands in the histories, so that clicks and orders of the past can be
-- judged by what held then.
begin;
select pg_advisory_xact_lock(hashtext('onebox demo programme'));

create temporary table demo_wanted on commit drop as
select not exists (select from vendor) as wanted, date_trunc('day', now()) - interval '95 days' as began;

insert into vendor (name, website, fallback_url, allowed_hosts, created_at)
select name, 'https://' || host || '/', 'https://' || host || '/', array[host, '.' || host], began
from demo_wanted,
     (values
        ('Example Tea House',    'tea.example.com'),
        ('Sample Bicycle Works', 'bicycles.example.com'),
        ('Mockup Garden Supply', 'garden.example.com'),
        ('Placeholder Books',    'books.example.com')
     ) as v (name, host)
where wanted;

-- The tea house pays commission out as soon as an order is completed, so that a fresh installation has something to pay.
insert into vendor_terms (vendor_id, since, window_days, hold_days)
select vendor_id, began, window_days, hold_days
from demo_wanted,
     (values
        ('Example Tea House',    30,  0),
        ('Sample Bicycle Works', 45, 14),
        ('Mockup Garden Supply', 30, 21),
        ('Placeholder Books',    14,  7)
     ) as t (name, window_days, hold_days)
join vendor using (name)
where wanted;

create temporary table demo_person on commit drop as
select *, row_number() over () as nth
from (values
        ('ada', 'Ada Placeholder', 95, 'DE', 'Tea and slow mornings', 'blog'),
        ('bruno', 'Bruno Sample', 95, 'AT', 'Two wheels and no hurry', 'video'),
        ('chika', 'Chika Mockup', 95, 'NL', 'Everything for small kitchens', 'social'),
        ('dana', 'Dana Specimen', 95, 'DE', 'Balcony gardening for beginners', 'social'),
        ('egon', 'Egon Madeup', 95, 'CH', 'Deals that may be real', 'deals'),
        ('fanny', 'Fanny Fictional', 95, 'FR', 'Reads a book a week', 'blog'),
        ('gustav', 'Gustav Pretend', 95, 'SE', 'Bikepacking in the rain', 'video'),
        ('hanna', 'Hanna Imaginary', 95, 'DE', 'A newsletter about tea', 'newsletter'),
        ('ivo', 'Ivo Invented', 95, 'CZ', 'Reviews of garden tools', 'blog'),
        ('jolanda', 'Jolanda Dummy', 95, 'IT', 'Cups and cakes', 'social'),
        ('kasimir', 'Kasimir Notional', 95, 'PL', 'Commuting by bicycle', 'blog'),
        ('leni', 'Leni Makebelieve', 95, 'DE', 'Picture books and rainy days', 'newsletter'),
        ('milan', 'Milan Fabricated', 84, 'ES', 'Urban farming', 'video'),
        ('nora', 'Nora Nonesuch', 80, 'DK', 'Things that last', 'blog'),
        ('otis', 'Otis Anyman', 74, 'GB', 'Workshop notes', 'video'),
        ('paula', 'Paula Unreal', 69, 'PT', 'Tea travels', 'social'),
        ('quentin', 'Quentin Figment', 61, 'BE', 'Second-hand books', 'newsletter'),
        ('rosa', 'Rosa Conjured', 55, 'DE', 'Herbs in the window', 'social'),
        ('sami', 'Sami Hypothetic', 48, 'FI', 'Winter cycling', 'blog'),
        ('tilla', 'Tilla Storybook', 41, 'NL', 'Reading lists', 'newsletter'),
        ('umar', 'Umar Allegory', 35, 'GB', 'Allotment diary', 'blog'),
        ('vera', 'Vera Fantasma', 27, 'ES', 'Ceramics and tea', 'social'),
        ('wanda', 'Wanda Phantom', 60, 'PL', 'Coupons all day long', 'deals'),
        ('xaver', 'Xaver Noman', 13, 'DE', 'Bicycle repairs', 'video')
) as a (username, name, days_ago, country, bio, kind);

insert into affiliate (username, name, email, status, country, bio, website, instagram, created_at, approved_at)
select username, name, username || '@' || username || '.example.com', 'approved', country, bio,
       'https://' || username || '.example.com/',
       case when kind = 'social' then 'demo.' || username end,
       now() - days_ago * interval '1 day' - interval '2 hours', now() - days_ago * interval '1 day'
from demo_wanted, demo_person
where wanted
order by nth;

-- Accounts that have not changed for long: nothing holds their payouts. Two of them are one account, which is a reason
-- to look at what both earn; and one changed yesterday, so that its payouts wait.
insert into bank_account (affiliate_id, account_hash, bank_name, account_name, masked_number, changed_at)
select affiliate_id,
       sha256(convert_to('a made-up account of ' || case username when 'xaver' then 'vera' else username end, 'UTF8')),
       'Bank of Nowhere', name, '•••• ' || 1000 + 37 * (affiliate_id % 200),
       case username when 'umar' then now() - interval '1 day' else created_at end
from demo_wanted, affiliate
where wanted;

insert into product (vendor_id, name, destination, price_minor, currency, created_at)
select v.vendor_id, p.name, p.destination, p.price_minor, 'EUR', began
from demo_wanted,
     (values
        ('Example Tea House', 'Teapot for Two', 'https://tea.example.com/p/teapot', 3490),
        ('Example Tea House', 'Morning Oolong', 'https://tea.example.com/p/oolong', 1290),
        ('Example Tea House', 'Smoked Lapsang', 'https://tea.example.com/p/lapsang', 1450),
        ('Example Tea House', 'Travel Tin', 'https://tea.example.com/p/tin', 1990),
        ('Example Tea House', 'Bamboo Whisk', 'https://tea.example.com/p/whisk', 1190),
        ('Example Tea House', 'Tasting Box', 'https://tea.example.com/p/tasting?ref={click_id}', 4900),
        ('Example Tea House', 'Evening Rooibos', 'https://tea.example.com/p/rooibos', 990),
        ('Example Tea House', 'Glass Infuser', 'https://tea.example.com/p/infuser', 1690),
        ('Example Tea House', 'Ceramic Cup Pair', 'https://tea.example.com/p/cups', 2790),
        ('Example Tea House', 'Yearly Tea Club', 'https://tea.example.com/p/club', 11900),
        ('Sample Bicycle Works', 'City Three-Speed', 'https://bicycles.example.com/p/city', 64900),
        ('Sample Bicycle Works', 'Gravel Frame', 'https://bicycles.example.com/p/gravel', 89900),
        ('Sample Bicycle Works', 'Dynamo Lamp', 'https://bicycles.example.com/p/lamp', 5900),
        ('Sample Bicycle Works', 'Wool Jersey', 'https://bicycles.example.com/p/jersey', 8900),
        ('Sample Bicycle Works', 'Pannier Pair', 'https://bicycles.example.com/p/pannier', 12900),
        ('Sample Bicycle Works', 'Repair Stand', 'https://bicycles.example.com/p/stand?src={sub1}', 14900),
        ('Sample Bicycle Works', 'Cork Grips', 'https://bicycles.example.com/p/grips', 2490),
        ('Sample Bicycle Works', 'Brass Bell', 'https://bicycles.example.com/p/bell', 1890),
        ('Sample Bicycle Works', 'Leather Saddle', 'https://bicycles.example.com/p/saddle', 9900),
        ('Sample Bicycle Works', 'Rain Cape', 'https://bicycles.example.com/p/cape', 6900),
        ('Mockup Garden Supply', 'Raised Bed Kit', 'https://garden.example.com/p/bed', 12900),
        ('Mockup Garden Supply', 'Copper Trowel', 'https://garden.example.com/p/trowel', 3290),
        ('Mockup Garden Supply', 'Seed Calendar', 'https://garden.example.com/p/seeds', 2490),
        ('Mockup Garden Supply', 'Watering Can', 'https://garden.example.com/p/can', 3990),
        ('Mockup Garden Supply', 'Plant Ladder', 'https://garden.example.com/p/ladder', 4590),
        ('Mockup Garden Supply', 'Compost Bin', 'https://garden.example.com/p/compost', 8900),
        ('Mockup Garden Supply', 'Herb Window Box', 'https://garden.example.com/p/herbs', 2990),
        ('Mockup Garden Supply', 'Pruning Shears', 'https://garden.example.com/p/shears', 4490),
        ('Mockup Garden Supply', 'Rain Barrel', 'https://garden.example.com/p/barrel', 9900),
        ('Mockup Garden Supply', 'Bee Hotel', 'https://garden.example.com/p/bees', 2790),
        ('Placeholder Books', 'The Made-up Atlas', 'https://books.example.com/p/atlas', 3900),
        ('Placeholder Books', 'Slow Bread', 'https://books.example.com/p/bread', 2900),
        ('Placeholder Books', 'Paper Birds', 'https://books.example.com/p/birds', 1900),
        ('Placeholder Books', 'Maps of Nowhere', 'https://books.example.com/p/maps', 2400),
        ('Placeholder Books', 'The Long Winter Reader', 'https://books.example.com/p/winter', 2200),
        ('Placeholder Books', 'Knots and Lines', 'https://books.example.com/p/knots', 1800),
        ('Placeholder Books', 'A Field Guide to Clouds', 'https://books.example.com/p/clouds', 2600),
        ('Placeholder Books', 'Letters to Nobody', 'https://books.example.com/p/letters', 1600),
        ('Placeholder Books', 'The Pocket Night Sky', 'https://books.example.com/p/sky', 1490),
        ('Placeholder Books', 'Cooking for Ghosts', 'https://books.example.com/p/ghosts', 3100)
     ) as p (vendor_name, name, destination, price_minor)
join vendor v on v.name = p.vendor_name
where wanted;

-- Most promote all four vendors; a few have yet to be let in, were turned down, or left.
insert into partnership (vendor_id, affiliate_id, status, joined_at, created_at)
select vendor_id, affiliate_id, coalesce(other.status, 'active'),
       case when other.status is null or other.status = 'inactive' then approved_at end, approved_at
from demo_wanted, vendor as v
cross join affiliate as a
left join (values
    ('Placeholder Books',    'xaver',   'pending'),
    ('Mockup Garden Supply', 'xaver',   'pending'),
    ('Sample Bicycle Works', 'vera',    'approved'),
    ('Placeholder Books',    'umar',    'approved'),
    ('Example Tea House',    'egon',    'inactive'),
    ('Placeholder Books',    'wanda',   'rejected'),
    ('Mockup Garden Supply', 'quentin', 'rejected')
) as other (vendor, username, status) on other.vendor = v.name and other.username = a.username
where wanted
order by affiliate_id, vendor_id;

-- Rates began with the partnership; the bicycle works raised theirs 45 days ago. Two products have had their own.
insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
select vendor_id, affiliate_id, joined_at, 60000 + 10000 * ((vendor_id + affiliate_id) % 7)
from demo_wanted, partnership
where wanted and joined_at is not null;

insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
select p.vendor_id, p.affiliate_id, date_trunc('day', now()) - interval '45 days', r.rate_ppm + 15000
from demo_wanted, vendor as v
join partnership as p using (vendor_id)
join partnership_rate as r using (vendor_id, affiliate_id)
where wanted and v.name = 'Sample Bicycle Works' and r.since < now() - interval '50 days';

insert into product_rate (vendor_id, product_id, since, rate_ppm)
select vendor_id, product_id, since, rate_ppm
from demo_wanted,
     (values
        ('Tasting Box',  interval '95 days', 175000),
        ('Gravel Frame', interval '95 days',  40000),
        ('Gravel Frame', interval '20 days',   null)
     ) as r (name, ago, rate_ppm)
join product using (name)
cross join lateral (select date_trunc('day', now()) - ago as since) as at
where wanted;

-- The first five promote ten products each, everybody else four: about 120 links, made over the first days of each.
create temporary table demo_link on commit drop as
select row_number() over (order by a.affiliate_id, p.product_id) as nth,
       'demo-' || substring(p.destination from '/p/([a-z]+)') || '-' || a.username as code,
       vendor_id, p.product_id, a.affiliate_id, p.destination,
       p.joined_at + ((p.product_id + a.affiliate_id) % 9) * interval '19 hours' as created_at
from demo_wanted,
     (select p.*, s.affiliate_id, s.joined_at, row_number() over (partition by s.affiliate_id order by product_id) as nth
      from product p join partnership s using (vendor_id) where s.joined_at is not null) as p
join affiliate as a using (affiliate_id)
where wanted
  and case when a.affiliate_id <= 5 then (p.nth + a.affiliate_id) % 4 = 0 else (p.nth + a.affiliate_id) % 10 = 0 end;

insert into link (code, vendor_id, product_id, affiliate_id, destination, created_at)
select code, vendor_id, product_id, affiliate_id, destination, created_at
from demo_link order by nth;

-- What ended: two links that were paused, two that have expired, an affiliate that was suspended and one that left a vendor.
create temporary table demo_end on commit drop as
select link_id, created_at, case when nth % 10 = 7 then 'paused' else 'expired' end as how,
       date_trunc('day', now()) - (4 + nth / 5) * interval '1 day' as at
from demo_link join link using (code, created_at)
where nth in (17, 47, 29, 62);

insert into demo_end
select link_id, l.created_at, case username when 'wanda' then 'suspended' else 'left' end, date_trunc('day', now()) - interval '10 days'
from link as l join affiliate using (affiliate_id) join vendor as v using (vendor_id)
where exists (select from demo_link as d where d.code = l.code)
  and (username = 'wanda' or (username = 'egon' and v.name = 'Example Tea House'));

update affiliate set is_active = false
from demo_wanted where wanted and username = 'wanda';
update link set is_active = false, paused_with_affiliate = how = 'suspended'
from demo_end where link.link_id = demo_end.link_id and how in ('paused', 'suspended');
update link set expiry_date = at
from demo_end where link.link_id = demo_end.link_id and how = 'expired';

-- The triggers have written down that all of this happened just now. It happened then.
delete from affiliate_standing as s using demo_wanted, affiliate as a
where wanted and a.affiliate_id = s.affiliate_id and s.since > a.created_at;
insert into affiliate_standing (affiliate_id, since, status, is_active)
select affiliate_id, date_trunc('day', now()) - interval '10 days', status, false
from demo_wanted, affiliate where wanted and username = 'wanda';

delete from link_standing as s using demo_end as e where s.link_id = e.link_id and s.since > e.created_at;
update link_standing as s set expiry_date = at from demo_end as e where s.link_id = e.link_id and how = 'expired';
insert into link_standing (link_id, since, is_active)
select link_id, at, false from demo_end where how in ('paused', 'suspended');

update partnership_standing as s set status = 'active'
from demo_wanted, partnership as p
where wanted and p.status = 'inactive' and s.vendor_id = p.vendor_id and s.affiliate_id = p.affiliate_id;
insert into partnership_standing (vendor_id, affiliate_id, since, status)
select vendor_id, affiliate_id, date_trunc('day', now()) - interval '10 days', 'inactive'
from demo_wanted, partnership where wanted and status = 'inactive';

-- Codes that people type at the checkout.
insert into coupon (vendor_id, coupon_code, link_id, since)
select l.vendor_id, coupon_code, l.link_id, began
from demo_wanted,
     (values ('ada', 'Example Tea House', 'ADA10'), ('bruno', 'Sample Bicycle Works', 'BRUNO5')) as c (username, vendor, coupon_code)
join affiliate using (username)
join vendor as v on v.name = c.vendor
cross join lateral (
    select * from link where link.affiliate_id = affiliate.affiliate_id and link.vendor_id = v.vendor_id order by link_id limit 1
) as l
where wanted;

commit;
