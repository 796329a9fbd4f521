-- Writes orders' lines.
insert into order_line
    (vendor_id, order_ref, item_id, product_id, name, quantity, refunded_quantity, net_minor, refunded_minor,
     rate_ppm, rate_source, commission_minor)
select *
from unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::integer[], $7::integer[], $8::bigint[],
            $9::bigint[], $10::integer[], $11::text[], $12::bigint[])
