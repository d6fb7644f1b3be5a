-- enqueue_plain: makes a run that has nothing special about it, and queues its first turn. In every other case, that of an id which is there already
-- among them, it does nothing, and the caller asks `enqueue`, which knows them all.
-- KEYS  run     run:<id>
--       queue   queue:<queue>
--       queued  runs:queued
-- ARGV  id
--       workflow
--       queue
--       payload
-- Reply 1: made; 0: nothing was changed
-- Guarantees: as `enqueue`. Sent again it answers 0.
local run_key, queue_key, queued_key = KEYS[1], KEYS[2], KEYS[3]
local id, workflow, queue, payload = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('EXISTS', run_key) == 1 then return 0 end
local time, generation = now(), new_generation()
local text = 'turn ' .. id .. ' ' .. generation
-- What the function begins with goes along, if it is short.
if #payload <= 1024 then text = text .. ' ' .. workflow .. ' ' .. payload end
redis.call('LPUSH', queue_key, text)
redis.call('HSET', run_key, 'workflow', workflow, 'queue', queue, 'payload', payload, 'status', 'queued', 'generation', generation,
  'turn', 'queue', 'created', time)
redis.pcall('ZADD', queued_key, time, id)
return 1
