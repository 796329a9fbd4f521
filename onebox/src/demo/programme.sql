-- The demo programme: all names are made up, all destinations lead to example.com. Only for a database without any
-- vendor; the lock makes a second onebox that starts at the same moment see the first one's vendors.
begin;
select pg_advisory_xact_lock(hashtext('onebox demo programme'));

create temporary table demo_wanted on commit drop as
select not exists (select from vendor) as wanted;

insert into vendor (name, fallback_url, allowed_hosts)
select name, fallback_url, allowed_hosts
from demo_wanted,
     (values
        ('Example Tea House',    'https://tea.example.com/',      array['tea.example.com']),
        ('Sample Bicycle Works', 'https://bicycles.example.com/', array['bicycles.example.com', '.bicycles.example.com'])
     ) as v (name, fallback_url, allowed_hosts)
where wanted;

-- The tea house pays commission out as soon as an order is completed, so that a fresh installation has something to pay.
insert into vendor_terms (vendor_id, since, hold_days)
select vendor_id, now() - interval '90 days', 0
from demo_wanted, vendor
where wanted and name = 'Example Tea House';

insert into affiliate (username, name, email, status)
select username, name, username || '@' || username || '.example.com', 'approved'
from demo_wanted,
     (values
        ('ada',   'Ada Placeholder'),
        ('bruno', 'Bruno Sample'),
        ('chika', 'Chika Mockup'),
        ('dana',  'Dana Specimen'),
        ('egon',  'Egon Madeup')
     ) as a (username, name)
where wanted;

-- Accounts that have not changed for long: nothing holds their payouts.
insert into bank_account (affiliate_id, account_hash, changed_at)
select affiliate_id, sha256(convert_to('a made-up account of ' || username, 'UTF8')), now() - interval '90 days'
from demo_wanted, affiliate
where wanted;

insert into product (vendor_id, name, destination)
select v.vendor_id, p.name, p.destination
from demo_wanted,
     (values
        ('Example Tea House',    'Teapot for Two',       'https://tea.example.com/p/teapot'),
        ('Example Tea House',    'Morning Oolong',       'https://tea.example.com/p/oolong'),
        ('Example Tea House',    'Smoked Lapsang',       'https://tea.example.com/p/lapsang'),
        ('Example Tea House',    'Travel Tin',           'https://tea.example.com/p/tin'),
        ('Example Tea House',    'Bamboo Whisk',         'https://tea.example.com/p/whisk'),
        ('Example Tea House',    'Tasting Box',          'https://tea.example.com/p/tasting?ref={click_id}'),
        ('Sample Bicycle Works', 'City Three-Speed',     'https://bicycles.example.com/p/city'),
        ('Sample Bicycle Works', 'Gravel Frame',         'https://bicycles.example.com/p/gravel'),
        ('Sample Bicycle Works', 'Dynamo Lamp',          'https://bicycles.example.com/p/lamp'),
        ('Sample Bicycle Works', 'Wool Jersey',          'https://bicycles.example.com/p/jersey'),
        ('Sample Bicycle Works', 'Pannier Pair',         'https://bicycles.example.com/p/pannier'),
        ('Sample Bicycle Works', 'Repair Stand',         'https://bicycles.example.com/p/stand?src={sub1}')
     ) as p (vendor_name, name, destination)
join vendor v on v.name = p.vendor_name
where wanted;

-- Everybody promotes both vendors, at rates of their own that began with the year; one product has its own rate.
insert into partnership (vendor_id, affiliate_id, status, joined_at)
select vendor_id, affiliate_id, 'active', now() - interval '90 days'
from demo_wanted, vendor, affiliate
where wanted;

insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm)
select vendor_id, affiliate_id, joined_at, 60000 + 10000 * (row_number() over (order by vendor_id, affiliate_id) % 7)
from demo_wanted, partnership
where wanted;

insert into product_rate (vendor_id, product_id, since, rate_ppm)
select vendor_id, product_id, now() - interval '90 days', 175000
from demo_wanted, product
where wanted and name = 'Tasting Box';

-- Each affiliate promotes eight of the twelve products: forty links.
insert into link (code, vendor_id, product_id, affiliate_id, destination, is_active, expiry_date)
select 'demo-' || slug || '-' || a.username,
       p.vendor_id,
       p.product_id,
       a.affiliate_id,
       p.destination,
       -- two paused and two expired, so that the pages have something to show
       (slug, a.username) not in (('teapot', 'dana'), ('lamp', 'ada')),
       case when (slug, a.username) in (('oolong', 'bruno'), ('jersey', 'egon')) then now() - interval '1 day' end
from demo_wanted,
     (select product_id, vendor_id, destination,
             substring(destination from '/p/([a-z]+)') as slug,
             row_number() over (order by product_id) as nth
      from product) as p,
     (select affiliate_id, username, row_number() over (order by affiliate_id) as nth from affiliate) as a
where wanted
  and (p.nth + a.nth) % 3 <> 0
order by a.affiliate_id, p.product_id;

-- A code that Ada's followers type at the checkout.
insert into coupon (vendor_id, coupon_code, link_id, since)
select vendor_id, 'ADA10', link_id, now() - interval '90 days'
from demo_wanted, link
where wanted and code = 'demo-tasting-ada';

commit;
