-- timer_fired: a time has come: the end of a sleep or of the wait for an event, or the limit of a step that is not done, or not begun, or of a run.
-- What comes of it is an outcome from outside.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 queue:<queue>  6 delayed  7 meta  8 runs:failed  9 dead
--       10 runs:queued  11 runs:running  12 runs:unserved  13 runs:parked  14 runs:paused
--       15 queue:<queue> of the run that waits for it, or any list
-- ARGV  1 id  2 generation  3 step, '' for the run's own limit  4 the entry of `delayed`  5 worker
-- Reply {'fired'}: it is recorded; {'ended'}: a run that nobody takes forward has failed; {'obsolete'}: nobody waits for it any more;
--       {'early'}: it is not due, or another limit is next
-- Guarantees: the entry goes and the outcome comes in one step; sent again, it changes nothing.
local score = redis.call('ZSCORE', KEYS[6], ARGV[4])
if not score then return { 'obsolete' } end
if tonumber(score) > tonumber(now()) then return { 'early' } end
local run, step = read_run(KEYS[1]), ARGV[3]
local wanted = is_live(run) and run.generation == ARGV[2]
local open = wanted and step ~= '' and read_open(redis.call('HGET', KEYS[3], step))
if step == '' then wanted = wanted and tonumber(run.deadline) else wanted = open end
redis.call('LLEN', KEYS[5])
redis.call('HLEN', KEYS[2])
local ends = wanted and step == '' and run.status ~= 'running'
if ends then check_parent(run, KEYS[15]) end
local cancels = ends and ending_texts(run, ARGV[1], KEYS[3])
redis.call('ZREM', KEYS[6], ARGV[4])
if not wanted then return { 'obsolete' } end

local record, is_asleep
if step ~= '' then
  local total, claim, wake = limit_of(open, 'total'), limit_of(open, 'claim'), limit_of(open, 'wake')
  local tail, reason
  local event = string.match(open.where, '^event:%d+:(.+)$')
  if wake and wake <= tonumber(now()) and event and has_word(noted_mail(run), event) then
    -- The event came in time; the step gets it as soon as the function is at rest.
    redis.call('ZADD', KEYS[6], now() + (is_held(run) and 10000 or 1000), ARGV[4])
    return { 'early' }
  elseif wake and wake <= tonumber(now()) then
    is_asleep = true
    tail = wait_end(open.kind, event)
  elseif total and total <= tonumber(now()) then
    reason = 'the step was not done within its totalTimeout'
  elseif claim and claim <= tonumber(now()) then
    reason = 'no worker had begun the step within its claimTimeout'
  else
    if next_limit(open) then redis.call('ZADD', KEYS[6], next_limit(open), ARGV[4]) end
    return { 'early' }
  end
  local head = '{"step":' .. cjson.encode(step) .. (is_asleep and ',"kind":"' .. open.kind .. '"' or '')
    .. (open.attempt == '1' and '' or ',"attempts":' .. open.attempt) .. ',"claim":' .. cjson.encode(ARGV[5])
  record = outcome_text(head, open, tail or '"error":{"type":"StepTimeout","message":"' .. reason .. '","cause":"timedOut"}')
  redis.call('HDEL', KEYS[3], step)
  redis.pcall('DECR', KEYS[4])
  if run.inline == step then redis.call('HSET', KEYS[1], 'inline', '') end
  local withdrawal = withdraw_text(ARGV[1], run.generation, step, open.where)
  if withdrawal then redis.call('RPUSH', KEYS[5], withdrawal) end
else
  local message = 'the run was not done within its runTimeout'
  if ends then
    redis.call('UNLINK', KEYS[3], KEYS[4])
    redis.call('HSET', KEYS[1], 'status', 'failed', 'ended', now(), 'turn', '', 'inline', '',
      'error', '{"type":"RunTimeout","message":"' .. message .. '; it was ' .. run.status .. '"}')
    redis.pcall('ZREM', KEYS[({ queued = 10, unserved = 12, parked = 13, paused = 14 })[run.status]], ARGV[1])
    if run.turns == 0 then redis.pcall('ZREM', KEYS[6], start_entry(KEYS[5], ARGV[1], run.generation)) end
    redis.pcall('ZADD', KEYS[8], now(), ARGV[1])
    redis.pcall('ZADD', KEYS[9], now(), ARGV[1])
    redis.pcall('HINCRBY', KEYS[7], 'cancels', 1)
    call_in_bites('RPUSH', KEYS[5], cancels)
    announce_end(run, ARGV[1], KEYS[1], KEYS[15])
    return { 'ended' }
  end
  record = '{"step":"","at":' .. now() .. ',"timeout":"' .. message .. '"}'
  redis.call('HSET', KEYS[1], 'deadline', 'none')
end
run.recorded = run.recorded + 1
redis.call('HSET', KEYS[2], run.recorded, record)
redis.call('HSET', KEYS[1], 'recorded', run.recorded)
local is_held_back = run.turn ~= '' and run.turn ~= 'queue'
queue_turn(run, ARGV[1], KEYS[1], KEYS[5])
-- Workers look through what they hold when they see another number here: a body may be for nobody now, or keep its run from going on.
if not is_asleep or is_held_back then redis.pcall('HINCRBY', KEYS[7], 'cancels', 1) end
return { 'fired' }
