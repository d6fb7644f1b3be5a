-- expired: the oldest entries of a list of runs that are past their age. Changes nothing.
-- KEYS  list  runs:<status>
-- ARGV  age  in ms
-- Reply at most 100 names
local list_key = KEYS[1]
local age = tonumber(ARGV[1])
return redis.call('ZRANGEBYSCORE', list_key, '-inf', now() - age, 'LIMIT', 0, 100)
