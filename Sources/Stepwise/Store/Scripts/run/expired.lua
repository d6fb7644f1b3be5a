-- expired: the oldest entries of a list of runs or events that are past their age, or more than it may have. Changes nothing.
-- KEYS  list  runs:<status>, or another list with the same scores
-- ARGV  age          in ms, '' for any
--       max_entries  how many it may have, '' for any number
-- Reply at most 100 names
local list_key = KEYS[1]
local age, max_entries = tonumber(ARGV[1]), tonumber(ARGV[2])
local surplus = max_entries and redis.call('ZCARD', list_key) - max_entries or 0
if surplus > 0 then return redis.call('ZRANGEBYSCORE', list_key, '-inf', '+inf', 'LIMIT', 0, math.min(surplus, 100)) end
if not age then return {} end
return redis.call('ZRANGEBYSCORE', list_key, '-inf', now() - age, 'LIMIT', 0, 100)
