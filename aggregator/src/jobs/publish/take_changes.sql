-- Takes the oldest changes that nobody else is publishing.
with taken as (
    select link_change_id, code, version, changed_at
    from link_change
    order by link_change_id
    limit $1
    for update skip locked
)
-- By code and not by link: a code may have passed from one link to another.
select taken.link_change_id, taken.code, taken.version, taken.changed_at,
       published.link_id as "link_id?", published.vendor_id as "vendor_id?", published.affiliate_id as "affiliate_id?",
       published.product_id as "product_id?", published.destination as "destination?",
       published.fallback_url as "fallback_url?", published.expiry_date as "expiry_date?",
       published.version as "published_version?", published.is_active as "is_active?"
from taken
left join link_published as published using (code)
order by taken.link_change_id
