-- revive: a failed run goes on. Its outcomes after a number are forgotten, in pages, and its function is taken forward again.
-- KEYS  1 run:<id>  2 steps:<id>  3 queue:<queue>  4 runs:failed  5 dead  6 runs:running
-- ARGV  1 id  2 the generation that the caller has seen  3 how many outcomes stay  4 '1' to raise the generation's number
--       5 '1' if the request to cancel the run is among what is forgotten
-- Reply {'revived'}; {'more'}: another page; {'changed', status, generation}: it is no failed run of this generation (any more);
--       {'restarted', id}: another run does its work; {'missing'}
-- Guarantees: until the last page the run is a failed one with a shorter history; then it has one turn, and everything that was queued
--       or claimed for it before is of an older generation. Sent again, it changes nothing.
local run = read_run(KEYS[1])
if not run then return { 'missing' } end
if run.status ~= 'failed' or run.generation ~= ARGV[2] then return { 'changed', run.status, run.generation } end
local v = redis.call('HMGET', KEYS[1], 'restarted', 'rewinding')
if v[1] then return { 'restarted', v[1] } end
-- A resume from a step that did not come to its end: what it has forgotten is another step when it is executed again, whoever goes on.
local raises = ARGV[4] == '1' or v[2]
redis.call('LLEN', KEYS[3])
redis.call('HLEN', KEYS[2])
local keep, numbers = tonumber(ARGV[3]), {}
for n = run.recorded, math.max(keep + 1, run.recorded - 999), -1 do
  numbers[#numbers + 1] = n
  run.bytes = math.max(0, run.bytes - redis.call('HSTRLEN', KEYS[2], n))
end
redis.call('HDEL', KEYS[1], ARGV[5] == '1' and 'cancelled' or '-')
call_in_bites('HDEL', KEYS[2], numbers)
local recorded = run.recorded - #numbers
if recorded > keep then
  redis.call('HSET', KEYS[1], 'recorded', recorded, 'bytes', run.bytes)
  if raises then redis.call('HSET', KEYS[1], 'rewinding', '1') end
  return { 'more' }
end
redis.call('HDEL', KEYS[1], 'error', 'ended', 'lost', 'reason', 'awaited', 'rewinding', 'joins')
if run.patches ~= '' then
  -- What was asked for after the outcomes that stay is forgotten with the others.
  local read, marks = pcall(cjson.decode, run.patches)
  for patch, delivered in pairs(read and marks or {}) do
    if delivered > keep then marks[patch] = nil end
  end
  redis.call('HSET', KEYS[1], 'patches', read and next(marks) and cjson.encode(marks) or '')
end
local number, resumes = string.match(run.generation, '^(%d+)%.?(%d*)$')
local generation = raises and string.format('%.0f', number + 1) or number .. '.' .. (tonumber(resumes) or 0) + 1
-- Every call counts as not opened: a replay of what stays tells which are open, and the others only take their numbers.
redis.call('HSET', KEYS[1], 'status', 'running', 'generation', generation, 'turn', 'queue', 'inline', '', 'opened', 0,
  'recorded', recorded, 'delivered', recorded, 'bytes', run.bytes,
  'deadline', 'none')
redis.call('RPUSH', KEYS[3], turn_text(ARGV[1], generation))
redis.pcall('ZREM', KEYS[4], ARGV[1])
redis.pcall('ZREM', KEYS[5], ARGV[1])
redis.pcall('ZADD', KEYS[6], now(), ARGV[1])
return { 'revived' }
