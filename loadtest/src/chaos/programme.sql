-- Somebody to sell and somebody to promote: made up, for a database that is thrown away.
insert into vendor (name) values ('Made-up Shop');
insert into affiliate (username, name, status) values ('made.up', 'Made-up Person', 'approved');
insert into partnership (vendor_id, affiliate_id, status, joined_at)
select (select max(vendor_id) from vendor), max(affiliate_id), 'active', now() from affiliate;
