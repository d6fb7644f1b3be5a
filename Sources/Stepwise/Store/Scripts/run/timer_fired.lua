-- timer_fired: a time has come: the end of a sleep or of the wait for an event, or the limit of a step that is not done, or not begun, or of a run.
-- What comes of it is an outcome from outside.
-- KEYS  run           run:<id>
--       steps         steps:<id>
--       open          open:<id>
--       join          join:<id>
--       queue         queue:<queue>
--       delayed
--       meta
--       failed        runs:failed
--       ending        runs:ending
--       dead
--       queued        runs:queued
--       running       runs:running
--       unserved      runs:unserved
--       parked        runs:parked
--       paused        runs:paused
--       parent_queue  queue:<queue> of the run that waits for it, or any list
-- ARGV  id
--       generation
--       step        '' for the run's own limit
--       entry       of `delayed`
--       worker
--       queue
-- Reply {'fired'}: it is recorded; {'ended'}: a run that nobody takes forward has failed; {'ending'}: it will have, once what it leaves is
--       ended in pages (end_page); {'obsolete'}: nobody waits for it any more; {'early'}: it is not due, or another limit is next
-- Guarantees: the entry goes and the outcome comes in one step; sent again, it changes nothing.
local run_key, steps_key, open_key, join_key, queue_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local meta_key, failed_key, ending_key, dead_key, queued_key, running_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local unserved_key, parked_key, paused_key, parent_queue_key = KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local id, generation, step, entry, worker, queue = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local score = redis.call('ZSCORE', delayed_key, entry)
if not score then return { 'obsolete' } end
if tonumber(score) > tonumber(now()) then return { 'early' } end
local run = read_run(run_key)
-- Between two generations nobody takes the run forward: its time limit ends it.
local is_between = run and run.status == 'ending' and run.generation == generation and step == '' and tonumber(run.deadline)
  and redis.call('HGET', run_key, 'ending') == 'continued'
local message = 'the run was not done within its runTimeout'
if is_between then
  redis.call('ZREM', delayed_key, entry)
  redis.call('HDEL', run_key, 'next')
  redis.call('HSET', run_key, 'ending', 'failed', 'error', error_json('RunTimeout', message .. '; it was about to begin anew'))
  return { 'ending' }
end
local wanted = is_live(run) and run.generation == generation
local open = wanted and step ~= '' and read_open(redis.call('HGET', open_key, step))
if step == '' then wanted = wanted and tonumber(run.deadline) else wanted = open end
redis.call('LLEN', queue_key)
redis.call('HLEN', steps_key)
local ends = wanted and step == '' and run.status ~= 'running'
if ends then check_parent(run, parent_queue_key) end
local in_pages = ends and ends_in_pages(run, open_key)
local cancels = ends and not in_pages and ending_texts(run, id, open_key)
local limits = ends and run.turns == 0 and { start_entry(queue, id, run.generation) } or {}
redis.call('ZREM', delayed_key, entry)
if not wanted then return { 'obsolete' } end

local record, is_asleep
if step ~= '' then
  local total, claim, wake = limit_of(open, 'total'), limit_of(open, 'claim'), limit_of(open, 'wake')
  local tail, reason
  local event = string.match(open.where, '^event:%d+:(.+)$')
  if wake and wake <= tonumber(now()) and event and has_word(noted_mail(run), event) then
    -- The event came in time; the step gets it as soon as the function is at rest.
    redis.call('ZADD', delayed_key, now() + (is_held(run) and 10000 or 1000), entry)
    return { 'early' }
  elseif wake and wake <= tonumber(now()) then
    is_asleep = true
    tail = wait_end(open.kind, event)
  elseif total and total <= tonumber(now()) then
    reason = 'the step was not done within its totalTimeout'
  elseif claim and claim <= tonumber(now()) then
    reason = 'no worker had begun the step within its claimTimeout'
  else
    if next_limit(open) then redis.call('ZADD', delayed_key, next_limit(open), entry) end
    return { 'early' }
  end
  local head = outcome_head(step, is_asleep and open.kind, nil, open.attempt, worker)
  record = outcome_text(head, open, tail or '"error":' .. error_json('StepTimeout', reason, 'cause', 'timedOut'))
  close_step(run, run_key, open_key, join_key, step)
  local withdrawal = withdraw_text(id, run.generation, step, open.where)
  if withdrawal then redis.call('RPUSH', queue_key, withdrawal) end
else
  if ends then
    if not in_pages then redis.call('UNLINK', open_key, join_key) end
    redis.pcall('HINCRBY', meta_key, 'cancels', 1)
    local keys = {
      run = run_key, join = join_key, queue = queue_key, parent_queue = parent_queue_key, delayed = delayed_key, ending = ending_key,
      queued = queued_key, running = running_key, unserved = unserved_key, parked = parked_key, paused = paused_key, failed = failed_key,
      dead = dead_key,
    }
    local fields = { 'error', error_json('RunTimeout', message .. '; it was ' .. run.status) }
    if in_pages then
      begin_end(run, id, keys, { ending = 'failed', fields = fields, limits = limits }, queue_key)
      return { 'ending' }
    end
    end_run(run, id, keys, { status = 'failed', fields = fields, texts = cancels, limits = limits })
    return { 'ended' }
  end
  record = '{"step":"","at":' .. now() .. ',"timeout":"' .. message .. '"}'
  redis.call('HSET', run_key, 'deadline', 'none')
end
append_outcome(run, run_key, steps_key, record)
local is_held_back = run.turn ~= '' and run.turn ~= 'queue'
queue_turn(run, id, run_key, queue_key)
-- Workers look through what they hold when they see another number here: a body may be for nobody now, or keep its run from going on.
if not is_asleep or is_held_back then redis.pcall('HINCRBY', meta_key, 'cancels', 1) end
return { 'fired' }
