-- One link for each code.
insert into link (code, vendor_id, affiliate_id, destination)
select code, (select max(vendor_id) from vendor), (select max(affiliate_id) from affiliate), 'https://shop.example.com/' || code
from unnest($1::text[]) code
