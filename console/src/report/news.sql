-- What happened to affiliate $1, newest first: $2 of it. A change of rate is news of the day from which it holds.
select at as "at!", kind as "kind!", subject, note, amount, currency
from (
    select approved_at as at,
           'application_approved' as kind,
           null::text as subject,
           null::text as note,
           null::bigint as amount,
           null::text as currency
    from affiliate
    where affiliate_id = $1 and approved_at is not null
    union all
    select d.verified_at, 'document_' || d.status, d.document_type, d.rejection_reason, null, null
    from verification_document d
    where d.affiliate_id = $1 and d.verified_at is not null
    union all
    select r.responded_at, 'request_' || r.status, v.name, r.response_message, null, null
    from affiliate_request r
    left join vendor v on v.vendor_id = r.vendor_id
    where r.affiliate_id = $1 and r.responded_at is not null
    union all
    select p.since, 'rate', v.name, null, p.rate_ppm, null
    from partnership_rate p
    left join vendor v on v.vendor_id = p.vendor_id
    where p.affiliate_id = $1
    union all
    (select t.at,
            case
                when t.reason = 'payout' then 'paid'
                when sum(e.amount_minor) > 0 then 'credited'
                else 'reversed'
            end,
            case when t.reason = 'payout' then null else e.order_ref end,
            v.name,
            abs(sum(e.amount_minor))::bigint,
            e.currency
     from ledger_entry e
     join ledger_tx t on t.vendor_id = e.vendor_id and t.ledger_tx_id = e.ledger_tx_id
     left join vendor v on v.vendor_id = e.vendor_id
     where e.affiliate_id = $1 and e.account = case when t.reason = 'payout' then 'cash' else 'expense' end
     group by t.ledger_tx_id, t.at, t.reason, case when t.reason = 'payout' then null else e.order_ref end, v.name, e.currency
     having sum(e.amount_minor) <> 0
     order by t.at desc
     limit $2)
) as news
order by at desc, kind, subject
limit $2
