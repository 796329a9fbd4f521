-- $1 id, $2 who holds it, $3 its secret, $4 what it may do. Only the hash is kept; a warm start finds the key there.
insert into api_key (api_key_id, name, secret_sha256, scopes)
values ($1, $2, sha256(convert_to($3, 'UTF8')), $4)
on conflict (api_key_id) do nothing
