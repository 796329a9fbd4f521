#!lua
-- finish_rebuild: set the new generation, unless Redis was emptied since the rebuild began.
-- KEYS  generation marker
-- ARGV  marker generation
-- reply 1 set | 0 the marker is gone: begin again
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
