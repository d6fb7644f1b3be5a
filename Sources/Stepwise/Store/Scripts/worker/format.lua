-- format: notes the data format of a namespace that has none.
-- KEYS  1 meta  ARGV  1 the format
-- Reply the format that the namespace has now
-- Guarantees: what is there stays: whoever writes in another format is refused.
local stored = redis.call('HGET', KEYS[1], 'format')
if stored then return stored end
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'format', ARGV[1])
return ARGV[1]
