-- format: notes the data format that a namespace is written in. Older workers learn of a newer one at their next beat and stop.
-- KEYS  1 meta  ARGV  1 the number
-- Reply the number that the namespace has now
-- Guarantees: a number only rises.
local stored = tonumber(redis.call('HGET', KEYS[1], 'format')) or 0
if stored >= tonumber(ARGV[1]) then return stored end
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'format', ARGV[1])
return tonumber(ARGV[1])
