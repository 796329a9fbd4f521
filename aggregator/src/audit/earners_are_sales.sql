-- Rolled-up days whose kept sales are not their rows; and kept spans whose affiliates, products or links did not earn what the kept
-- sales of their days add up to, for each vendor and (0) all of them.
with closed as (
    select day from rollup_day r
    where kind = 'orders' and not exists (select from rollup_stale s where s.kind = r.kind and s.day = r.day)
),
by_row as (
    select d.day, d.vendor_id, d.currency, count(*) as lines, sum(d.orders) as orders, sum(d.revenue_minor) as revenue,
           sum(d.commission_minor) as commission
    from order_daily d
    where d.vendor_id is not null
      and not exists (select from affiliate a where a.affiliate_id = d.affiliate_id and not a.is_active)
      and d.day in (select day from closed)
    group by d.day, d.vendor_id, d.currency
),
sale as (
    select day, vendor_id, currency, count(*) as lines, sum(orders) as orders, sum(revenue_minor) as revenue,
           sum(commission_minor) as commission
    from rollup_sale
    group by day, vendor_id, currency
),
earned as (
    select span_id, by, vendor_id, currency, sum(lines) as lines, sum(orders) as orders, sum(revenue_minor) as revenue,
           sum(commission_minor) as commission
    from rollup_earner
    group by span_id, by, vendor_id, currency
),
wanted as (
    select s.span_id, kind.by, of.vendor_id, sale.currency, sum(sale.lines) as lines, sum(sale.orders) as orders,
           sum(sale.revenue) as revenue, sum(sale.commission) as commission
    from rollup_earning
    join rollup_span s using (span_id)
    join sale on sale.day >= s.from_day and sale.day < s.to_day
    cross join (values ('affiliate'), ('product'), ('link')) kind (by)
    cross join lateral (values (0), (sale.vendor_id)) of (vendor_id)
    group by s.span_id, kind.by, of.vendor_id, sale.currency
)
select (
    select count(*)
    from by_row
    full join (select * from sale where day in (select day from closed)) kept using (day, vendor_id, currency)
    where (by_row.lines, by_row.orders, by_row.revenue, by_row.commission)
        is distinct from (kept.lines, kept.orders, kept.revenue, kept.commission)
) + (
    select count(*)
    from wanted
    full join earned using (span_id, by, vendor_id, currency)
    where (wanted.lines, wanted.orders, wanted.revenue, wanted.commission)
        is distinct from (earned.lines, earned.orders, earned.revenue, earned.commission)
) as "violations!"
