#!lua
-- apply: add the records of one lane in (from, to] to the active bucket of one partition.
-- KEYS  end base counts claim, then one sketch per link and day: first those with one new visitor
-- ARGV  lane from to rebase(0|1) claim ones counts singles sketches ttl_ms,
--       ones*(field), counts*(field n), singles*(v), sketches*(visitors v1..)
--       Most links have one click in a batch, which then costs no number beside it.
-- reply {'OK', to} | {'STALE', end} the bucket ends elsewhere | {'MISSING', ''} the lane is unknown here
local last, base, counts, claims = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lane, from, to, rebase, claim = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local ones, n_counts = tonumber(ARGV[6]), tonumber(ARGV[7])
local singles, n_sketches, ttl = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]

-- First every check, no write: an error after a write would not be rolled back.
local known = redis.call('HGET', last, lane)
if not known then
  if rebase ~= '1' then return {'MISSING', ''} end
elseif known ~= from then -- compared as strings: numbers are doubles here, a seq has 63 bits
  return {'STALE', known}
end
if from == to or #KEYS ~= 4 + singles + n_sketches or not string.match(claim, '^%d+$') then
  return redis.error_reply('ERR bad interval, keys or claim')
end
local at = 11 + ones
for _ = 1, n_counts do
  local n = tonumber(ARGV[at + 1])
  if not n or n < 1 or n > 1000000 or n ~= math.floor(n) then return redis.error_reply('ERR bad count') end
  at = at + 2
end
at = at + singles
for _ = 1, n_sketches do
  local visitors = tonumber(ARGV[at])
  if not visitors or visitors < 1 then return redis.error_reply('ERR bad sketch') end
  at = at + 1 + visitors
end
if at ~= #ARGV + 1 then return redis.error_reply('ERR bad number of arguments') end

-- Then the writes; none can fail within our own keys.
if not known then redis.call('HSET', base, lane, from) end
at = 11
for _ = 1, ones do
  redis.call('HINCRBY', counts, ARGV[at], 1)
  at = at + 1
end
for _ = 1, n_counts do
  redis.call('HINCRBY', counts, ARGV[at], ARGV[at + 1])
  at = at + 2
end
for k = 5, 4 + singles do
  redis.call('PFADD', KEYS[k], ARGV[at])
  redis.call('PEXPIRE', KEYS[k], ttl)
  at = at + 1
end
for k = 5 + singles, 4 + singles + n_sketches do
  local sketch, first = KEYS[k], at + 1
  local final = at + tonumber(ARGV[at])
  while first <= final do -- unpack has a limit on the stack
    local upto = math.min(first + 999, final)
    redis.call('PFADD', sketch, unpack(ARGV, first, upto))
    first = upto + 1
  end
  redis.call('PEXPIRE', sketch, ttl)
  at = final + 1
end
redis.call('HSET', claims, lane, claim)
redis.call('HSET', last, lane, to)
return {'OK', to}
