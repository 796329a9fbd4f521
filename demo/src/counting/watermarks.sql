-- How far the demo's lane is counted in each partition.
insert into flush_watermark (part, lane, seq, claim)
select part, $2::integer, seq, claim
from unnest($1::smallint[], $3::bigint[], $4::bigint[]) as mark (part, seq, claim)
