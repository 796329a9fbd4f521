-- What lists of affiliates go by: pending first, each order that can be asked for, and searches by beginning. Beginnings
-- are compared byte by byte, whatever the database's own order of letters is.
create index affiliate_review on affiliate ((status = 'pending'), created_at, affiliate_id);
create index affiliate_created on affiliate (created_at, affiliate_id);
create index affiliate_country on affiliate (country, (status = 'pending'), created_at, affiliate_id) where country is not null;
create index affiliate_username on affiliate (username collate "C");
create index affiliate_name on affiliate (lower(name) collate "C", affiliate_id);
create index affiliate_email_beginning on affiliate (lower(email) collate "C") where email is not null;

-- Reports on the programme leave these out.
create index affiliate_inactive on affiliate (affiliate_id) where not is_active;

-- Where an affiliate is paid, as everybody may see it.
grant select (affiliate_id, bank_name, account_name, masked_number, changed_at) on bank_account to linkledger_console;
