-- record_and_complete_plain: records the step that the turn's holder has executed and completes its run, if neither has anything else
-- to tell and no other run waits for this one. In every other case it does nothing, and the caller asks `record_and_advance`, which knows them all.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 claimed:<worker>:<queue>  6 runs:running  7 runs:completed
-- ARGV  1 id  2 '<worker> <number> ', with which `turn` begins  3 turn text  4 generation  5 upto, the number that this outcome must get
--       6 step  7 head  8 tail of the record  9 how many bytes a run's outcomes may take  10 the function's output
-- Reply 1: recorded, and the run has completed; 0: nothing was changed
-- Guarantees: as `record_and_advance`. Sent again it answers 0; `record_and_advance` then finds what the first sending did.
local v = redis.call('HMGET', KEYS[1], 'status', 'generation', 'turn', 'inline', 'recorded', 'bytes', 'awaited', 'deadline', 'parentQueue')
if v[1] ~= 'running' or v[2] ~= ARGV[4] or string.sub(v[3] or '', 1, #ARGV[2]) ~= ARGV[2] or v[4] ~= ARGV[6]
  or (tonumber(v[5]) or 0) + 1 ~= tonumber(ARGV[5]) or (v[8] or '') ~= '' or (v[9] or '') ~= '' then
  return 0
end
local record = record_text(ARGV[7], '', ARGV[8])
local bytes = (tonumber(v[6]) or 0) + #record
if is_too_much(bytes, ARGV[8], ARGV[9]) then return 0 end
redis.call('UNLINK', KEYS[3], KEYS[4])
local reply = redis.pcall('HSET', KEYS[2], ARGV[5], record)
if type(reply) == 'table' and reply.err then
  -- The history's key is of another type: nothing has happened.
  redis.call('SET', KEYS[4], 1)
  return reply
end
redis.call('LREM', KEYS[5], -1, ARGV[3])
redis.call('HSET', KEYS[1], 'status', 'completed', 'output', ARGV[10], 'ended', now(), 'turn', '', 'inline', '', 'recorded', ARGV[5],
  'bytes', bytes)
redis.pcall('ZREM', KEYS[6], ARGV[1])
redis.pcall('ZADD', KEYS[7], now(), ARGV[1])
publish_end(KEYS[1], v[7], 'completed', ARGV[4], ARGV[10])
return 1
