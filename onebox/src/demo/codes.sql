select code
from link_published
where code like $1
  and is_active
  and (expiry_date is null or expiry_date > now() + interval '1 hour')
order by link_id
