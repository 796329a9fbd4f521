insert into vendor (name, allowed_hosts) values
    ('Made-up Teas', '{shop.example.com,.tea.example.net}'), ('Invented Outdoors', '{outdoor.example.com}');
insert into affiliate (username, name, email, status, rejection_reason) values
    ('ada', 'Ada Invented', 'ada@example.com', 'approved', null), ('bert', 'Bert Imagined', 'bert@example.com', 'approved', null),
    ('carla', 'Carla Pending', 'carla@example.com', 'pending', null);
insert into product (vendor_id, name, destination) values
    (1, 'Teapot', 'https://shop.example.com/teapot'), (2, 'Tent', 'https://outdoor.example.com/tent');
insert into partnership (vendor_id, affiliate_id, status, joined_at) values (1, 1, 'active', '2026-01-01');
insert into partnership_rate (vendor_id, affiliate_id, since, rate_ppm) values (1, 1, '2026-01-01', 100000);
insert into account (account_id, email, name, role, vendor_id, affiliate_id) values
    ('acc_vendor1', 'teas@example.com', 'Tilly Teas', 'vendor', 1, null),
    ('acc_ada', 'ada.login@example.com', 'Ada Invented', 'affiliate', null, 1),
    ('acc_bert', 'bert.login@example.com', 'Bert Imagined', 'affiliate', null, 2),
    ('acc_carla', 'carla.login@example.com', 'Carla Pending', 'affiliate', null, 3),
    ('acc_admin', 'admin@example.com', 'Otto Operator', 'admin', null, null);
