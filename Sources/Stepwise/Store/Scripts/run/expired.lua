-- expired: the oldest ended runs of one status that are past their age. Changes nothing.
-- KEYS  1 runs:<status>
-- ARGV  1 age in ms
-- Reply at most 100 ids
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now() - tonumber(ARGV[1]), 'LIMIT', 0, 100)
