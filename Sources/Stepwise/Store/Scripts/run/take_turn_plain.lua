-- take_turn_plain: takes a run's first turn and opens the function's first step, in the plainest case: the run is as its enqueuing has left it, the
-- function waits for one step with a body and without limits, and its body is the caller's.
-- KEYS  run      run:<id>
--       join     join:<id>
--       claimed  claimed:<worker>:<queue>
--       queued   runs:queued
--       running  runs:running
-- ARGV  id
--       text
--       taken_text  the text under which the turn lies in the list once it is taken
--       generation
--       step
--       turn        '<worker> 1 <token>'
-- Reply 1: the caller has the turn, and the step is open under it; 0: nothing was changed, `take_turn` tells how the run stands
-- Guarantees: sent again, it gives the same answer as long as nothing else has happened to the run.
local run_key, join_key, claimed_key, queued_key, running_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, text, taken_text, generation, step, turn = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local v = redis.call('HMGET', run_key, 'status', 'generation', 'turn', 'turns', 'recorded', 'inline', 'workflow', 'payload', 'startsAt')
if v[2] ~= generation then return 0 end
if v[1] == 'running' and v[3] == turn and v[6] == step then return 1 end
if v[1] ~= 'queued' or v[3] ~= 'queue' or v[4] or v[5] or v[9] then return 0 end
-- The function has begun with what the turn brought along: it has to be the run's, of which somebody may have removed a part.
if text ~= taken_text .. ' ' .. (v[7] or '') .. ' ' .. (v[8] or '') then return 0 end
if redis.call('LREM', claimed_key, -1, text) == 0 then return 0 end
redis.call('LPUSH', claimed_key, taken_text)
redis.call('HSET', run_key, 'status', 'running', 'turn', turn, 'turns', 1, 'opened', 1, 'delivered', 0, 'inline', step,
  'began', now())
redis.call('SET', join_key, 1)
redis.pcall('ZREM', queued_key, id)
redis.pcall('ZADD', running_key, now(), id)
return 1
