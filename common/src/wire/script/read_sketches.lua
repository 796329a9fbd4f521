#!lua flags=no-writes
-- read_sketches: the bytes of some sketches, refused when this node does not hold the named seal (failover, flush).
-- KEYS  seal, then the sketches
-- ARGV  the seal id
-- reply the bytes of each, '' for one that is missing
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('WRONGSEAL this node holds another bucket') end
local bytes = {}
for i = 2, #KEYS do bytes[i - 1] = redis.call('GET', KEYS[i]) or '' end
return bytes
