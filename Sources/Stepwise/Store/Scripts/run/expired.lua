-- expired: the oldest ended runs of one status that are past their age. Changes nothing.
-- KEYS  list  runs:<status>
-- ARGV  age  in ms
-- Reply at most 100 ids
local list_key = KEYS[1]
local age = tonumber(ARGV[1])
return redis.call('ZRANGEBYSCORE', list_key, '-inf', now() - age, 'LIMIT', 0, 100)
