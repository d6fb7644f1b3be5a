-- register_worker: a worker's name enters the index before its first claim.
-- KEYS  workers
--       worker   worker:<worker>
-- ARGV  worker
--       fields...  fields and values of worker:<worker>
-- Reply 1
local workers_key, worker_key = KEYS[1], KEYS[2]
local worker = ARGV[1]
local arg_list, fields_at = ARGV, 2
local time = now()
redis.call('HDEL', worker_key, '-')
-- In this order: a name without an entry is declared dead, and leaves in the end; an entry that is in no index stays.
redis.call('ZADD', workers_key, time, worker)
redis.call('HSET', worker_key, 'started', time, unpack(arg_list, fields_at))
return 1
