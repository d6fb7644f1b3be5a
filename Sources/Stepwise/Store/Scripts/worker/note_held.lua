-- note_held: notes which of a worker's threads user code holds, for people to see.
-- KEYS  worker  worker:<worker>
-- ARGV  held        a JSON array, '' for nothing
--       is_stopped  '1' if the worker claims nothing for that reason
-- Reply 1, or 0 if the name is gone or dead
-- Guarantees: makes no entry.
local worker_key = KEYS[1]
local held, is_stopped = ARGV[1], ARGV[2] == '1'
if redis.call('HGET', worker_key, 'state') ~= 'alive' then return 0 end
redis.call('HDEL', worker_key, 'held', 'stopped')
if held ~= '' then redis.call('HSET', worker_key, 'held', held) end
if is_stopped then redis.call('HSET', worker_key, 'stopped', '1') end
return 1
