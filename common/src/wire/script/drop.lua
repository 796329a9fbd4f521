#!lua
-- drop: after Postgres committed a bucket (or had it already), forget it by its id and publish what is durable.
-- KEYS  sealed_counts sealed_end sealed_base sealed_claim seal durable
-- ARGV  seal id, then lane seq pairs: the watermark in Postgres
-- reply 1 when the bucket was forgotten, 0 when another one or none is sealed
local sealed_counts, sealed_end, sealed_base, sealed_claim, seal, durable = unpack(KEYS)
local hit = 0
if redis.call('GET', seal) == ARGV[1] then
  redis.call('UNLINK', sealed_counts, sealed_end, sealed_base, sealed_claim, seal)
  hit = 1
end
for i = 2, #ARGV, 2 do redis.call('HSET', durable, ARGV[i], ARGV[i + 1]) end
return hit
