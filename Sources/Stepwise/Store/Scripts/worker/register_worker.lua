-- register_worker: a worker's name enters the index before its first claim.
-- KEYS  1 workers  2 worker:<worker>
-- ARGV  1 worker  2... fields and values of worker:<worker>
-- Reply 1
local time = now()
redis.call('HDEL', KEYS[2], '-')
redis.call('HSET', KEYS[2], 'started', time, unpack(ARGV, 2))
redis.call('ZADD', KEYS[1], time, ARGV[1])
return 1
