-- record_and_advance_plain: records the step that the turn's holder has executed and opens the next one, if neither has anything to
-- tell: what most steps are.
-- In every other case it does nothing, and the caller asks `record_and_advance`, which knows them all.
-- KEYS  run    run:<id>
--       steps  steps:<id>
-- ARGV  turn_prefix  '<worker> <number> ', with which `turn` begins
--       generation
--       upto         the number that this outcome must get
--       step
--       head
--       tail         of the record
--       max_bytes    how many bytes a run's outcomes may take
--       next_number  of the next step
--       next_step
-- Reply 1: recorded, and the turn goes on with the next step; 0: nothing was changed
-- Guarantees: as `record_and_advance`. Sent again it answers 0; `record_and_advance` then finds what the first sending did.
local run_key, steps_key = KEYS[1], KEYS[2]
local turn_prefix, generation, upto, step, head, tail, max_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local next_number, next_step = ARGV[8], ARGV[9]
local v = redis.call('HMGET', run_key, 'status', 'generation', 'turn', 'inline', 'recorded', 'opened', 'bytes')
if v[1] ~= 'running' or v[2] ~= generation or string.sub(v[3] or '', 1, #turn_prefix) ~= turn_prefix or v[4] ~= step
  or (tonumber(v[5]) or 0) + 1 ~= tonumber(upto) or v[6] ~= next_number then
  return 0
end
local record = record_text(head, '', tail)
local bytes = (tonumber(v[7]) or 0) + #record
if is_too_much(bytes, tail, max_bytes) then return 0 end
local refused = first_write(run_key, 'HSET', steps_key, upto, record)
if refused then return refused end
redis.call('HSET', run_key, 'opened', next_number + 1, 'inline', next_step, 'delivered', upto, 'recorded', upto, 'bytes', bytes)
return 1
