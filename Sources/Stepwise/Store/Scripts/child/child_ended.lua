-- child_ended: a child has ended: its end is the outcome of the step that waits for it, an outcome from outside.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 queue:<queue>  6 claimed:<worker>:<queue>  7 delayed
-- ARGV  1 id  2 text of the claim  3 generation  4 step  5 child  6 tail of the record, '' if the child lives (again)  7 token
--       8 how many bytes a run's outcomes may take
-- Reply {'recorded'}; {'obsolete'}: nobody waits for it (any more), or there is no end; {'stale'}: the claim is not the caller's
-- Guarantees: the claim goes and the outcome comes in one step; sent again, it changes nothing.
if not redis.call('LPOS', KEYS[6], ARGV[2]) then return { 'stale' } end
local run, step = read_run(KEYS[1]), ARGV[4]
local open = is_live(run) and run.generation == ARGV[3] and find_open(run, KEYS[3], step)
-- The child may have ended before the step was said to wait for it.
local wanted = open and ARGV[6] ~= ''
  and (string.sub(open.where, 1, 6) ~= 'child:' or string.match(open.where, '^child:%l+:(.+)$') == ARGV[5])
redis.call('LLEN', KEYS[5])
redis.call('HLEN', KEYS[2])
redis.call('LREM', KEYS[6], -1, ARGV[2])
if not wanted then return { 'obsolete' } end
redis.call('HDEL', KEYS[3], step)
redis.pcall('DECR', KEYS[4])
if open.limits ~= '' then redis.pcall('ZREM', KEYS[7], limit_entry(KEYS[5], ARGV[1], ARGV[3], step)) end
if run.inline == step then redis.call('HSET', KEYS[1], 'inline', '') end
local head = '{"step":' .. cjson.encode(step) .. ',"kind":"invoke","child":' .. cjson.encode(ARGV[5])
  .. (open.attempt == '1' and '' or ',"attempts":' .. open.attempt) .. ',"claim":' .. cjson.encode(ARGV[7])
run.recorded = run.recorded + 1
local text = bounded_outcome(run, ARGV[1], ARGV[8], head, open, ARGV[6])
redis.call('HSET', KEYS[2], run.recorded, text)
redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
queue_turn(run, ARGV[1], KEYS[1], KEYS[5])
return { 'recorded' }
