-- reclaim: an unserved work item is claimed by a worker that has its workflow and a slot for it.
-- KEYS  1 run:<id>  2 unserved:<workflow>  3 claimed:<worker>:<queue>
-- ARGV  1 text  2 '1' for a turn
-- Reply 1, or 0 if somebody else was faster
-- Guarantees: list to list. The status stays `unserved` until the turn is taken.
local turn = redis.call('HGET', KEYS[1], 'turn')
redis.call('LLEN', KEYS[3])
if redis.call('LREM', KEYS[2], -1, ARGV[1]) == 0 then return 0 end
redis.call('LPUSH', KEYS[3], ARGV[1])
if ARGV[2] == '1' and turn == 'unserved' then redis.call('HSET', KEYS[1], 'turn', 'queue') end
return 1
