-- What was reported of orders for the whole programme: $1 order references.
select order_ref, body::text as "body!", owners::text as "owners!", inferred::text as "inferred!", addressee,
       body_sha256, parked, source, received_at
from programme_event
where order_ref = any($1::text[])
