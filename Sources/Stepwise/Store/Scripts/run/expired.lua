-- expired: the oldest entries of a list of runs that are past their age. Changes nothing.
-- KEYS  list  runs:<status>
-- ARGV  age    in ms
--       after  how many of the oldest are passed over
-- Reply at most 100 names
local list_key = KEYS[1]
local age, after = tonumber(ARGV[1]), ARGV[2]
return redis.call('ZRANGEBYSCORE', list_key, '-inf', now() - age, 'LIMIT', after, 100)
