with interval_of as (
    -- every interval of every lane that a kept batch added
    select b.part, moved.lane, moved.base, moved.upto
    from flush_batch as b, unnest(b.lanes, b.base, b.upto) as moved (lane, base, upto)
),
neighbour as (
    -- beside the interval before it, and the one after it
    select part, lane, base, upto,
           lag(upto) over lane_order as upto_before,
           lead(base) over lane_order as base_after
    from interval_of
    window lane_order as (partition by part, lane order by upto)
)
-- Intervals that are empty, that leave a gap or overlap, and last ones that do not end at the watermark.
select count(*) as "violations!"
from neighbour
left join flush_watermark as w using (part, lane)
where base >= upto
   or upto_before <> base
   or (base_after is null and upto is distinct from w.seq)
