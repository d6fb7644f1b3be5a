-- enqueue_plain: makes a run that has nothing special about it, and queues its first turn. In every other case, that of an id which is there already
-- among them, it does nothing, and the caller asks `enqueue`, which knows them all.
-- KEYS  1 run:<id>  2 queue:<queue>  3 runs:queued
-- ARGV  1 id  2 workflow  3 queue  4 payload
-- Reply 1: made; 0: nothing was changed
-- Guarantees: as `enqueue`. Sent again it answers 0.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = now()
local text = 'turn ' .. ARGV[1] .. ' ' .. time
-- What the function begins with goes along, if it is short.
if #ARGV[4] <= 1024 then text = text .. ' ' .. ARGV[2] .. ' ' .. ARGV[4] end
redis.call('LPUSH', KEYS[2], text)
redis.call('HSET', KEYS[1], 'workflow', ARGV[2], 'queue', ARGV[3], 'payload', ARGV[4], 'status', 'queued', 'generation', time,
  'turn', 'queue', 'created', time)
redis.pcall('ZADD', KEYS[3], time, ARGV[1])
return 1
