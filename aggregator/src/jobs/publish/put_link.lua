#!lua
-- put_link: publish an entry under its code, unless Redis has a newer one.
-- KEYS  the code's key
-- ARGV  version entry ttl_ms (0: for ever)
-- reply 1 written | 0 Redis has a newer one
local stored = redis.call('GET', KEYS[1])
if stored then
  local readable, entry = pcall(cjson.decode, stored)
  local version = readable and type(entry) == 'table' and tonumber(entry.version)
  if version and version > tonumber(ARGV[1]) then return 0 end -- an unreadable one is replaced
end
if ARGV[3] == '0' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
