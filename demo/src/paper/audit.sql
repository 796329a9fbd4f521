-- Who did what: the acts behind everything that somebody decided in the demo's past, in the order of their times.
with act as (
    select created_at as at, name || ' <' || email || '>' as actor, 'affiliate.apply' as action, public_id as object,
           null::bigint as vendor_id, affiliate_id, jsonb_build_object('username', username, 'invited', false) as detail
    from affiliate
    union all
    select approved_at, 'First Operator <operator@example.com>', 'affiliate.approve', public_id, null, affiliate_id,
           jsonb_build_object('username', username)
    from affiliate where status = 'approved'
    union all
    select created_at + interval '2 days', 'First Operator <operator@example.com>', 'affiliate.reject', public_id, null, affiliate_id,
           jsonb_build_object('username', username, 'reason', rejection_reason)
    from affiliate where status = 'rejected'
    union all
    select s.since, 'First Operator <operator@example.com>', 'affiliate.suspend', a.public_id, null, a.affiliate_id,
           jsonb_build_object('username', username, 'links', (select count(*) from link l where l.affiliate_id = a.affiliate_id))
    from affiliate_standing s join affiliate a using (affiliate_id) where not s.is_active
    union all
    select p.created_at, 'First Operator <operator@example.com>', 'partnership.create', p.public_id, p.vendor_id, p.affiliate_id,
           jsonb_build_object('status', p.status)
    from partnership p
    union all
    select s.since, 'Example Shopkeeper <vendor@example.com>', 'partnership.deactivate', p.public_id, p.vendor_id, p.affiliate_id,
           jsonb_build_object('from', 'active', 'to', 'inactive')
    from partnership_standing s join partnership p using (vendor_id, affiliate_id) where s.status = 'inactive'
    union all
    select r.since, 'First Operator <operator@example.com>', 'partnership.rate', p.public_id, p.vendor_id, p.affiliate_id,
           jsonb_build_object('to_ppm', r.rate_ppm, 'since', r.since)
    from partnership_rate r join partnership p using (vendor_id, affiliate_id) where r.since > p.joined_at
    union all
    select r.since, 'First Operator <operator@example.com>', 'product.rate', p.public_id, r.vendor_id, null,
           jsonb_build_object('to_ppm', r.rate_ppm, 'since', r.since)
    from product_rate r join product p using (vendor_id, product_id)
    union all
    select responded_at, responded_by, case status when 'approved' then 'request.approve' else 'request.reject' end, request_id,
           vendor_id, affiliate_id, jsonb_build_object('request_type', request_type)
    from affiliate_request where status <> 'pending'
    union all
    select sent_at, invited_by, 'invitation.create', invitation_id, vendor_id, null, jsonb_build_object('rate_ppm', rate_ppm)
    from invitation
    union all
    select revoked_at, invited_by, 'invitation.revoke', invitation_id, vendor_id, null, '{}'
    from invitation where revoked_at is not null
    union all
    select submitted_at, a.name || ' <' || a.email || '>', 'document.submit', document_id, null, affiliate_id,
           jsonb_build_object('document_type', document_type, 'content_type', content_type, 'size_bytes', size_bytes)
    from verification_document join affiliate a using (affiliate_id)
    union all
    select verified_at, reviewer, case d.status when 'approved' then 'document.approve' else 'document.reject' end, document_id,
           null, affiliate_id, jsonb_build_object('document_type', document_type)
    from verification_document d where d.status <> 'pending'
    union all
    select created_at, 'First Operator <operator@example.com>', 'webhook_target.create', target_id, vendor_id, null,
           jsonb_build_object('url', url, 'topics', topics)
    from webhook_target
)
insert into audit_entry (at, actor, action, object, vendor_id, affiliate_id, detail)
select at, actor, action, object, vendor_id, affiliate_id, detail
from act
where at <= now()
order by at, object
