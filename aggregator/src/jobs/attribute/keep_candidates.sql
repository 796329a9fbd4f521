-- Keeps candidates. What a token says is written once; only verdicts change, and whom a coupon stands for.
insert into order_candidate as kept
    (vendor_id, order_ref, candidate, kind, refused, link_id, click_at, visitor, channel, lane, seq, verdict)
select *
from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::timestamptz[],
            $8::bigint[], $9::smallint[], $10::integer[], $11::bigint[], $12::text[])
on conflict (vendor_id, order_ref, candidate) do update
set verdict = excluded.verdict, link_id = excluded.link_id
