-- revive: a failed run goes on. Its outcomes after a number are forgotten, in pages, and its function is taken forward again.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       queue    queue:<queue>
--       failed   runs:failed
--       dead
--       running  runs:running
-- ARGV  id
--       generation           the generation that the caller has seen
--       keep                 how many outcomes stay
--       is_new_number        '1' to raise the generation's number
--       is_cancel_forgotten  '1' if the request to cancel the run is among what is forgotten
-- Reply {'revived'}; {'more'}: another page; {'changed', status, generation}: it is not a failed run of this generation (any more);
--       {'restarted', id}: another run does its work; {'missing'}
-- Guarantees: until the last page the run is a failed one with a shorter history; then it has one turn, and everything that was queued
--       or claimed for it before is of an older generation. Sent again, it changes nothing.
local run_key, steps_key, queue_key, failed_key, dead_key, running_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local id, generation, keep, is_new_number, is_cancel_forgotten = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4] == '1', ARGV[5] == '1'
local run = read_run(run_key)
if not run then return { 'missing' } end
if run.status ~= 'failed' or run.generation ~= generation then return { 'changed', run.status, run.generation } end
local v = redis.call('HMGET', run_key, 'restarted', 'rewinding')
if v[1] then return { 'restarted', v[1] } end
-- A resume from a step that did not come to its end: what it has forgotten is another step when it is executed again, whoever goes on.
local raises = is_new_number or v[2]
redis.call('LLEN', queue_key)
redis.call('HLEN', steps_key)
local numbers = {}
for n = run.recorded, math.max(keep + 1, run.recorded - 999), -1 do
  numbers[#numbers + 1] = n
  run.bytes = math.max(0, run.bytes - redis.call('HSTRLEN', steps_key, n))
end
redis.call('HDEL', run_key, is_cancel_forgotten and 'cancelled' or '-')
call_in_bites('HDEL', steps_key, numbers)
local recorded = run.recorded - #numbers
if recorded > keep then
  redis.call('HSET', run_key, 'recorded', recorded, 'bytes', run.bytes)
  if raises then redis.call('HSET', run_key, 'rewinding', '1') end
  return { 'more' }
end
redis.call('HDEL', run_key, 'error', 'ended', 'lost', 'reason', 'awaited', 'rewinding', 'joins')
if run.patches ~= '' then
  -- What was asked for after the outcomes that stay is forgotten with the others.
  local read, marks = pcall(cjson.decode, run.patches)
  for patch, delivered in pairs(read and marks or {}) do
    if delivered > keep then marks[patch] = nil end
  end
  redis.call('HSET', run_key, 'patches', read and next(marks) and cjson.encode(marks) or '')
end
local number, resumes = string.match(run.generation, '^(%d+)%.?(%d*)$')
local next_generation = raises and string.format('%.0f', number + 1) or number .. '.' .. (tonumber(resumes) or 0) + 1
-- Every call counts as not opened: a replay of what stays tells which are open, and the others only take their numbers.
redis.call('HSET', run_key, 'status', 'running', 'generation', next_generation, 'turn', 'queue', 'inline', '', 'opened', 0,
  'recorded', recorded, 'delivered', recorded, 'bytes', run.bytes,
  'deadline', 'none')
redis.call('RPUSH', queue_key, turn_text(id, next_generation))
redis.pcall('ZREM', dead_key, id)
move_status({ failed = failed_key, running = running_key }, id, 'failed', 'running')
return { 'revived' }
