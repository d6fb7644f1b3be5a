-- note_alone: notes which claim a worker executes alone, before it begins. Until then a claim on its last delivery has not begun, and the
-- worker's end is not a loss of it: release reads it.
-- KEYS  worker  worker:<worker>
-- ARGV  text    the work item's; of a turn without what a first one brings along
-- Reply 1, or 0 if the name is gone or dead
-- Guarantees: makes no entry. It stays until the next one: what was begun alone may end the process later.
local worker_key = KEYS[1]
local text = ARGV[1]
if redis.call('HGET', worker_key, 'state') ~= 'alive' then return 0 end
redis.call('HSET', worker_key, 'alone', text)
return 1
