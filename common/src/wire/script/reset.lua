#!lua
-- reset: after a conflict, throw both buckets away and start again at the watermark. Edges send the rest again.
-- KEYS  end base counts claim sealed_end sealed_base sealed_counts sealed_claim seal durable
-- ARGV  lane seq claim triples: the watermark in Postgres, and 0 0 for every lane seen here that it lacks
-- Sketches stay: adding a visitor again changes nothing.
local last, base, _, claims, _, _, _, _, _, durable = unpack(KEYS)
redis.call('UNLINK', unpack(KEYS))
for i = 1, #ARGV, 3 do
  redis.call('HSET', last, ARGV[i], ARGV[i + 1])
  redis.call('HSET', base, ARGV[i], ARGV[i + 1])
  redis.call('HSET', claims, ARGV[i], ARGV[i + 2])
  redis.call('HSET', durable, ARGV[i], ARGV[i + 1])
end
return 'OK'
