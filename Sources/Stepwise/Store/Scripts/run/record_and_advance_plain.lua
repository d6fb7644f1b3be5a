-- record_and_advance_plain: records the step that the turn's holder has executed and opens the next one, if neither has anything to
-- tell: what most steps are.
-- In every other case it does nothing, and the caller asks `record_and_advance`, which knows them all.
-- KEYS  1 run:<id>  2 steps:<id>
-- ARGV  1 '<worker> <number> ', with which `turn` begins  2 generation  3 upto, the number that this outcome must get
--       4 step  5 head  6 tail of the record  7 how many bytes a run's outcomes may take  8 number of the next step  9 next step
-- Reply 1: recorded, and the turn goes on with the next step; 0: nothing was changed
-- Guarantees: as `record_and_advance`. Sent again it answers 0; `record_and_advance` then finds what the first sending did.
local v = redis.call('HMGET', KEYS[1], 'status', 'generation', 'turn', 'inline', 'recorded', 'opened', 'bytes')
if v[1] ~= 'running' or v[2] ~= ARGV[2] or string.sub(v[3] or '', 1, #ARGV[1]) ~= ARGV[1] or v[4] ~= ARGV[4]
  or (tonumber(v[5]) or 0) + 1 ~= tonumber(ARGV[3]) or v[6] ~= ARGV[8] then
  return 0
end
local record = record_text(ARGV[5], '', ARGV[6])
local bytes = (tonumber(v[7]) or 0) + #record
if is_too_much(bytes, ARGV[6], ARGV[7]) then return 0 end
local refused = first_write(KEYS[1], 'HSET', KEYS[2], ARGV[3], record)
if refused then return refused end
redis.call('HSET', KEYS[1], 'opened', ARGV[8] + 1, 'inline', ARGV[9], 'delivered', ARGV[3], 'recorded', ARGV[3], 'bytes', bytes)
return 1
