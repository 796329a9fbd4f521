-- Orders and entries whose link belongs to another vendor, or that no link has.
select (select count(*)
        from customer_order as o
        left join link as l using (link_id)
        where o.link_id is not null and l.vendor_id is distinct from o.vendor_id)
     + (select count(*)
        from (select distinct vendor_id, link_id from ledger_entry) as e
        left join link as l using (link_id)
        where l.vendor_id is distinct from e.vendor_id) as "violations!"
