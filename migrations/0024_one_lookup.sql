-- What is kept of a link or a group is looked up where it is, and nowhere else: a key that is null finds nothing without a look at
-- the index. Before, each took a look at three tables (migration 23). With the hours of today, what was kept until today is in it.
create or replace function rollup_total(of_span integer, with_today integer, of_by text, of_vendor bigint, of_id bigint)
returns table (human bigint, filtered bigint) language sql stable parallel safe as $$
    select coalesce(n.human_clicks, l.human_clicks, g.human_clicks, 0), coalesce(n.filtered_clicks, l.filtered_clicks, g.filtered_clicks, 0)
    from (values (true)) always
    left join rollup_now n on n.span_id = with_today and n.by = of_by and n.vendor_id = of_vendor and n.id = of_id
    left join rollup_link l on l.span_id = of_span and l.link_id = case when of_by = 'link' and n.id is null then of_id end
    left join rollup_group g on g.span_id = of_span and g.by = of_by and g.vendor_id = of_vendor
        and g.id = case when of_by <> 'link' and n.id is null then of_id end
    limit 1
$$;
