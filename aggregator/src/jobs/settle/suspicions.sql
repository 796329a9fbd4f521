with asked as (
    select *
    from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::integer[], $6::bigint[])
        as credited (place, affiliate_id, link_id, click_at, lane, seq)
),
busy as (
    -- the people who clicked on the link in the hour of the click
    select asked.place, h.hour, h.human_clicks
    from asked
    join click_hourly as h on h.link_id = asked.link_id and h.hour = date_trunc('hour', asked.click_at, 'UTC')
)
-- What is known about the affiliate and the click of each credited order. Only an hour that may be a wave is compared
-- with the 28 days before it; and beyond some number it does not matter how many orders a token has.
select asked.place as "place!",
       a.email,
       coalesce(busy.human_clicks, 0) as "clicks_in_hour!",
       coalesce(case when busy.human_clicks >= $7 then (
           select sum(h.human_clicks)::bigint / (28 * 24)
           from click_hourly as h
           where h.link_id = asked.link_id and h.hour >= busy.hour - interval '28 days' and h.hour < busy.hour
       ) end, 0) as "usual_clicks_an_hour!",
       (select count(*)
        from (select from order_candidate as c
              where c.lane = asked.lane and c.seq = asked.seq and c.refused is null and c.kind = 'click'
                and c.verdict = 'credited'
              limit $8) as carrying) as "orders_with_token!",
       (select count(*)
        from bank_account as own
        join bank_account as other on other.account_hash = own.account_hash and other.affiliate_id <> own.affiliate_id
        where own.affiliate_id = asked.affiliate_id) as "sharing_bank_account!"
from asked
join affiliate as a using (affiliate_id)
left join busy using (place)
