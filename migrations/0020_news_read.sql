-- How far somebody has read what happened to them. Each person who acts for an affiliate reads for themselves.
alter table account add column news_read_at timestamptz;
comment on column account.news_read_at is 'What happened until then is no news to them any more. Null: nothing was marked as read yet.';
