#!lua
-- seal: freeze the active bucket under an id; the next bucket starts where it ends.
-- KEYS  end base counts claim sealed_end sealed_base sealed_counts sealed_claim seal
-- ARGV  a random id
-- reply {'SEALED', id} ours, or the one that is still waiting | {'EMPTY', ''} nothing was counted
local last, base, counts, claims, sealed_end, sealed_base, sealed_counts, sealed_claim, seal = unpack(KEYS)
local waiting = redis.call('GET', seal)
if waiting then return {'SEALED', waiting} end
if redis.call('EXISTS', counts) == 0 then return {'EMPTY', ''} end
redis.call('RENAME', counts, sealed_counts)
redis.call('RENAME', base, sealed_base)
redis.call('COPY', last, sealed_end, 'REPLACE')
redis.call('COPY', last, base, 'REPLACE')
redis.call('COPY', claims, sealed_claim, 'REPLACE')
redis.call('SET', seal, ARGV[1])
return {'SEALED', ARGV[1]}
