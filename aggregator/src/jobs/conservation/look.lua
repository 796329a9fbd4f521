#!lua flags=no-writes
-- look: everything about a partition's two buckets at one moment, their clicks added up.
-- KEYS  claim base counts sealed_end sealed_base sealed_claim sealed_counts
-- ARGV  the largest bucket to add up, in fields
-- reply {claim, base, clicks, sealed_end, sealed_base, sealed_claim, sealed_clicks}; clicks -1: too large to add up
local function clicks(counts)
  if redis.call('HLEN', counts) > tonumber(ARGV[1]) then return -1 end
  local sum, fields = 0, redis.call('HGETALL', counts)
  for i = 1, #fields, 2 do
    local kind = string.sub(fields[i], -2)
    if kind == ':h' or kind == ':f' then sum = sum + (tonumber(fields[i + 1]) or 0) end
  end
  return sum
end
return {
  redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]), clicks(KEYS[3]),
  redis.call('HGETALL', KEYS[4]), redis.call('HGETALL', KEYS[5]), redis.call('HGETALL', KEYS[6]), clicks(KEYS[7]),
}
