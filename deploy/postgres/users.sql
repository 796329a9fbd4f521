-- The users that the services sign in as; run once, after `aggregator migrate`, by somebody who may create roles:
--
--   openssl rand -hex 24 | tee aggregator-password; openssl rand -hex 24 | tee console-password
--   psql -v aggregator_password="$(cat aggregator-password)" -v console_password="$(cat console-password)" -f users.sql
--
-- Neither owns anything or can bypass row-level security. The console acts as one of its groups at a time.
create role linkledger_aggregator_login login nosuperuser nobypassrls password :'aggregator_password';
grant linkledger_aggregator to linkledger_aggregator_login;

create role linkledger_console_login login nosuperuser nobypassrls noinherit password :'console_password';
grant linkledger_console, linkledger_intake, linkledger_operator, linkledger_accounts, linkledger_vendor,
    linkledger_affiliate to linkledger_console_login;
