-- expired: the oldest entries of a list of runs that are past their age, from a place on. Changes nothing.
-- KEYS  list  runs:<status>
-- ARGV  age     in ms
--       from    the least score, or '-inf'
--       passed  how many entries are passed over from there on: as many of that score as the caller knows
-- Reply at most 100 names, each followed by its score
local list_key = KEYS[1]
local age, from, passed = tonumber(ARGV[1]), ARGV[2], ARGV[3]
return redis.call('ZRANGEBYSCORE', list_key, from, now() - age, 'WITHSCORES', 'LIMIT', passed, 100)
