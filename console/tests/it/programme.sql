insert into vendor (name) values ('Nordlicht Outdoor'), ('<script>alert("vendor")</script>');
insert into affiliate (username, name, status) values
    ('mara.w', 'Mara W', 'approved'),
    ('trailnotes', '"><img src=x onerror=alert(1)>', 'approved');
insert into partnership (vendor_id, affiliate_id, status, joined_at) values
    (1, 1, 'active', '2026-01-01'), (2, 2, 'active', '2026-01-01'), (1, 2, 'active', '2026-01-01');
insert into product (vendor_id, name, destination) values
    (1, 'Tent Polar 2P', 'https://shop.example.com/tent'),
    (2, '<svg onload=alert(2)>', 'https://shop.example.com/svg');
insert into link (code, vendor_id, product_id, affiliate_id, destination, is_active, expiry_date) values
    ('summer-1', 1, 1, 1, 'https://shop.example.com/tent?from={click_id}', true, null),
    ('summer-2', 2, 2, 2, 'https://shop.example.com/"><script>alert(3)</script>', true, '2100-01-01'),
    ('paused-1', 1, null, 1, 'https://shop.example.com/', false, null),
    ('expired-1', 1, null, 1, 'https://shop.example.com/', true, '2020-01-01'),
    ('rested-1', 1, null, 2, 'https://shop.example.com/', true, null);
