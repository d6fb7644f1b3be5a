-- record_and_complete_plain: records the step that the turn's holder has executed and completes its run, if neither has anything else
-- to tell and no other run waits for this one. In every other case it does nothing, and the caller asks `record_and_advance`, which knows them all.
-- KEYS  run        run:<id>
--       steps      steps:<id>
--       open       open:<id>
--       join       join:<id>
--       claimed    claimed:<worker>:<queue>
--       running    runs:running
--       completed  runs:completed
-- ARGV  id
--       turn_prefix  '<worker> <number> ', with which `turn` begins
--       text         of the turn
--       generation
--       upto         the number that this outcome must get
--       step
--       head
--       tail         of the record
--       max_bytes    how many bytes a run's outcomes may take
--       output       the function's output
-- Reply 1: recorded, and the run has completed; 0: nothing was changed
-- Guarantees: as `record_and_advance`. Sent again it answers 0; `record_and_advance` then finds what the first sending did.
local run_key, steps_key, open_key, join_key, claimed_key, running_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local completed_key = KEYS[7]
local id, turn_prefix, text, generation, upto, step, head, tail = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local max_bytes, output = ARGV[9], ARGV[10]
local v = redis.call('HMGET', run_key, 'status', 'generation', 'turn', 'inline', 'recorded', 'bytes', 'awaited', 'deadline', 'parentQueue')
if v[1] ~= 'running' or v[2] ~= generation or string.sub(v[3] or '', 1, #turn_prefix) ~= turn_prefix or v[4] ~= step
  or (tonumber(v[5]) or 0) + 1 ~= tonumber(upto) or (v[8] or '') ~= '' or (v[9] or '') ~= '' then
  return 0
end
local record = record_text(head, '', tail)
local bytes = (tonumber(v[6]) or 0) + #record
if is_too_much(bytes, tail, max_bytes) then return 0 end
redis.call('UNLINK', open_key, join_key)
local reply = redis.pcall('HSET', steps_key, upto, record)
if type(reply) == 'table' and reply.err then
  -- The history's key is of another type: nothing has happened.
  redis.call('SET', join_key, 1)
  return reply
end
redis.call('LREM', claimed_key, -1, text)
redis.call('HSET', run_key, 'status', 'completed', 'output', output, 'ended', now(), 'turn', '', 'inline', '', 'recorded', upto,
  'bytes', bytes)
redis.pcall('ZREM', running_key, id)
redis.pcall('ZADD', completed_key, now(), id)
publish_end(run_key, v[7])
return 1
