-- record: the outcome of a claimed step. The claim is the proof; the run's first outcome without a turn gives the caller one.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       join     join:<id>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  id
--       worker
--       text
--       taken_text  of the turn, if the caller gets it
--       step
--       generation
--       attempt
--       head
--       tail
--       token
--       seen        the number of the last outcome that the caller has
--       max_bytes   how many bytes a run's outcomes may take
--       queue
-- Reply {'done'}: recorded, the turn is elsewhere; {'took', number, opened, recorded, delivered, page, unfit, patches}: and the caller
--       has the turn;
--       {'withdrawn'}: nobody wants it any more; {'stale'}: the claim is not the caller's; {'reset'} as in take_turn
-- Guarantees: the first outcome is the only one and alone lowers the join counter; sent again, it gives the same answer, or
--       'stale' once more than a page was recorded since.
local run_key, steps_key, open_key, join_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local id, worker, text, taken_text, step, generation, attempt, head = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local tail, token, seen, max_bytes, queue = ARGV[9], ARGV[10], tonumber(ARGV[11]), ARGV[12], ARGV[13]
local run = read_run(run_key)
local has_claim = prove_claim(claimed_key, text, 'RANK', -1)
redis.call('HLEN', steps_key)
local function took_reply(number)
  if seen > run.recorded then return { 'reset' } end
  return { 'took', number, run.opened, run.recorded, run.delivered, outcomes_after(steps_key, seen, run.recorded), run.unfit,
    run.patches }
end
if not has_claim then
  if not run then return { 'stale' } end
  local holder, number, its_token = string.match(run.turn, '^(%S+) (%d+) (%S+)$')
  if is_live(run) and holder == worker and its_token == token then return took_reply(tonumber(number)) end
  return { find_written(steps_key, token, run.recorded, 1, -1) and 'done' or 'stale' }
end
local open = is_live(run) and run.generation == generation and read_open(redis.call('HGET', open_key, step))
drop_claim(claimed_key, text)
if not open or open.attempt ~= attempt or open.where ~= 'item' then return { 'withdrawn' } end
redis.call('HDEL', open_key, step)
run.recorded = run.recorded + 1
local outcome, fits = bounded_outcome(run, id, max_bytes, head, open, tail)
redis.call('HSET', steps_key, run.recorded, outcome)
local left = redis.pcall('DECR', join_key)
drop_step_limits(open, delayed_key, queue, id, generation, step)
-- A function that waits for all of its open steps has nothing to do yet.
local joins = run.joins == '1' and fits and string.sub(tail, 1, 8) == '"value":' and type(left) == 'number' and left > 0
if run.turn ~= '' or is_held(run) or joins then
  redis.call('HSET', run_key, 'recorded', run.recorded, 'bytes', run.bytes)
  return { 'done' }
end
local number = run.turns + 1
redis.call('HSET', run_key, 'recorded', run.recorded, 'bytes', run.bytes, 'turn', holder_text(worker, number, token), 'turns', number)
redis.call('LPUSH', claimed_key, taken_text)
return took_reply(number)
