-- record: the outcome of a claimed step. The claim is the proof; the run's first outcome without a turn gives the caller one.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 claimed:<worker>:<queue>  6 delayed
-- ARGV  1 id  2 worker  3 text  4 turn text  5 step  6 generation  7 attempt  8 head  9 tail  10 token  11 seen
--       12 how many bytes a run's outcomes may take
-- Reply {'done'}: recorded, the turn is elsewhere; {'took', number, opened, recorded, delivered, page, unfit, patches}: and the caller
--       has the turn;
--       {'withdrawn'}: nobody wants it any more; {'stale'}: the claim is not the caller's; {'reset'} as in load
-- Guarantees: the first outcome is the only one and alone lowers the join counter; sent again, it gives the same answer.
local run = read_run(KEYS[1])
local claimed = redis.call('LPOS', KEYS[5], ARGV[3], 'RANK', -1)
local seen = tonumber(ARGV[11])
redis.call('HLEN', KEYS[2])
local function took(number)
  if seen > run.recorded then return { 'reset' } end
  return { 'took', number, run.opened, run.recorded, run.delivered, outcomes_after(KEYS[2], seen, run.recorded), run.unfit,
    run.patches }
end
if not claimed then
  if not run then return { 'stale' } end
  local holder, number, token = string.match(run.turn, '^(%S+) (%d+) (%S+)$')
  if is_live(run) and holder == ARGV[2] and token == ARGV[10] then return took(tonumber(number)) end
  for n = run.recorded, math.max(1, run.recorded - 1000), -1 do
    local record = redis.call('HGET', KEYS[2], n)
    if record and string.find(record, '"claim":"' .. ARGV[10] .. '"', 1, true) then return { 'done' } end
  end
  return { 'stale' }
end
local open = is_live(run) and run.generation == ARGV[6] and read_open(redis.call('HGET', KEYS[3], ARGV[5]))
redis.call('LREM', KEYS[5], -1, ARGV[3])
if not open or open.attempt ~= ARGV[7] or open.where ~= 'item' then return { 'withdrawn' } end
redis.call('HDEL', KEYS[3], ARGV[5])
run.recorded = run.recorded + 1
local text, fits = bounded_outcome(run, ARGV[1], ARGV[12], ARGV[8], open, ARGV[9])
redis.call('HSET', KEYS[2], run.recorded, text)
local left = redis.pcall('DECR', KEYS[4])
if open.limits ~= '' then redis.pcall('ZREM', KEYS[6], limit_entry(KEYS[5], ARGV[1], ARGV[6], ARGV[5])) end
-- A function that waits for all of its open steps has nothing to do yet.
local joins = run.joins == '1' and fits and string.sub(ARGV[9], 1, 8) == '"value":' and type(left) == 'number' and left > 0
if run.turn ~= '' or is_held(run) or joins then
  redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
  return { 'done' }
end
local number = run.turns + 1
redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes, 'turn', holder_text(ARGV[2], number, ARGV[10]), 'turns', number)
redis.call('LPUSH', KEYS[5], ARGV[4])
return took(number)
