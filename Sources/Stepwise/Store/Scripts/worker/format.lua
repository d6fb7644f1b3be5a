-- format: notes the data format of a namespace that has none.
-- KEYS  meta
-- ARGV  format
-- Reply the format that the namespace has now
-- Guarantees: what is there stays: whoever writes in another format is refused.
local meta_key = KEYS[1]
local format = ARGV[1]
local stored = redis.call('HGET', meta_key, 'format')
if stored then return stored end
redis.call('HDEL', meta_key, '-')
redis.call('HSET', meta_key, 'format', format)
return format
