-- take_turn_plain: takes a run's first turn and opens the function's first step, in the plainest case: the run is as its enqueuing has left it, the
-- function waits for one step with a body and without limits, and its body is the caller's.
-- KEYS  1 run:<id>  2 join:<id>  3 claimed:<worker>:<queue>  4 runs:queued  5 runs:running
-- ARGV  1 id  2 text  3 turn text  4 generation  5 step  6 turn: '<worker> 1 <token>'
-- Reply 1: the caller has the turn, and the step is open under it; 0: nothing was changed, `take_turn` tells how the run stands
-- Guarantees: sent again, it gives the same answer as long as nothing else has happened to the run.
local v = redis.call('HMGET', KEYS[1], 'status', 'generation', 'turn', 'turns', 'recorded', 'inline')
if v[2] ~= ARGV[4] then return 0 end
if v[1] == 'running' and v[3] == ARGV[6] and v[6] == ARGV[5] then return 1 end
if v[1] ~= 'queued' or v[3] ~= 'queue' or v[4] or v[5] then return 0 end
if redis.call('LREM', KEYS[3], -1, ARGV[2]) == 0 then return 0 end
redis.call('LPUSH', KEYS[3], ARGV[3])
redis.call('HSET', KEYS[1], 'status', 'running', 'turn', ARGV[6], 'turns', 1, 'opened', 1, 'delivered', 0, 'inline', ARGV[5])
redis.call('SET', KEYS[2], 1)
redis.pcall('ZREM', KEYS[4], ARGV[1])
redis.pcall('ZADD', KEYS[5], now(), ARGV[1])
return 1
