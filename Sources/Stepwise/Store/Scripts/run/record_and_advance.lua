-- record_and_advance: record and advance in one, while the only open step is the turn holder's inline step. One script a step.
-- KEYS  run           run:<id>
--       steps         steps:<id>
--       open          open:<id>
--       join          join:<id>
--       claimed       claimed:<worker>:<queue>
--       queue         queue:<queue>
--       running       runs:running
--       completed     runs:completed
--       failed        runs:failed
--       parked        runs:parked
--       cancelled     runs:cancelled
--       ending        runs:ending
--       dead
--       delayed
--       parent_queue  as of advance
--       mail?         as of advance
--       events...     as of advance
-- ARGV  id
--       worker
--       number
--       text        of the turn
--       generation
--       upto        the number that this outcome must get
--       slots
--       is_last     '1' if this is the last page
--       ending      '', 'completed', 'failed', 'cancelled', 'continued'
--       result      output, error, or the input to begin anew with, as JSON
--       queue
--       step
--       head
--       tail        of the record
--       token       of the claim that writes it
--       is_told     '1' if the open step's text tells more than that it is open: earlier attempts, lost workers, a begun body
--       plan...     as of advance
-- Reply as advance, and {'rebuild'}: recorded, but not as number `upto`, or not as this value: the turn stays, the instance has lived what never was;
--       {'stale'}: the caller holds neither turn nor step
-- Guarantees: as advance; and the outcome is written once, whatever becomes of the rest.
local run_key, steps_key, open_key, join_key, claimed_key, queue_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local running_key, completed_key, failed_key, parked_key, cancelled_key, ending_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local dead_key, delayed_key, parent_queue_key, mail_key = KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local key_list, events_at = KEYS, 17
local id, worker, number, text, generation, upto, slots = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local is_last, ending, result, queue, step, head, tail = ARGV[8] == '1', ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
local token, is_told = ARGV[15], ARGV[16] == '1'
local arg_list, plan_at = ARGV, 17
local keys = {
  run = run_key, steps = steps_key, open = open_key, join = join_key, claimed = claimed_key, queue = queue_key, running = running_key,
  completed = completed_key, failed = failed_key, parked = parked_key, cancelled = cancelled_key, ending = ending_key, dead = dead_key,
  delayed = delayed_key, parent_queue = parent_queue_key, mail = mail_key, listed = key_list, events_at = events_at,
}
local call = {
  run = read_run(run_key), keys = keys, id = id, worker = worker, number = tonumber(number), text = text, generation = generation,
  upto = upto, slots = slots, is_last = is_last, ending = ending, result = result, queue = queue,
}
local run = call.run
if not run then return { 'stale' } end
if run.generation ~= generation then return { 'continued', 0 } end
local plan = read_plan(call, arg_list, plan_at)
local mine = holds_turn(run, worker, number)
local opened_as = is_told and redis.call('HGET', open_key, step)
call.open = read_open(opened_as)

local record, fits
-- Closes the step and writes its outcome; if the history's key is of another type, opens it again and returns the error.
local function close_and_append()
  redis.call('HDEL', open_key, step)
  local reply = redis.pcall('HSET', steps_key, run.recorded, record)
  if type(reply) == 'table' and reply.err then
    if opened_as then redis.call('HSET', open_key, step, opened_as) end
    return reply
  end
  if call.open then drop_step_limits(call.open, delayed_key, queue, id, generation, step) end
  return nil
end

if not is_live(run) or not mine or run.inline ~= step then
  -- Sent before? The outcome has the token of its claim.
  local at, found = find_written(steps_key, token, upto, run.recorded, 1)
  local sent = at and string.sub(found, -#tail - 1) == tail .. '}'
  if not is_live(run) then return at and finished_reply(call) or { 'stale' } end
  if not at then
    -- The step's time was up meanwhile: the turn's holder has lived an outcome that never was.
    return { mine and 'rebuild' or 'stale' }
  end
  if not mine then return stale_reply(call) end
  if at ~= upto or not sent then return { 'rebuild' } end
  if already_applied(call, plan) then return inline_reply(call) end
  if ending ~= '' then return { 'rebuild' } end
  return apply_plan(call, plan)
end

run.recorded = run.recorded + 1
record, fits = bounded_outcome(run, id, plan.max_bytes, head, call.open, tail)
-- The instance has lived another outcome, or another order, than what is recorded.
if run.recorded ~= upto or not fits then
  local failed = close_and_append()
  if failed then return failed end
  redis.call('HSET', run_key, 'recorded', run.recorded, 'inline', '', 'bytes', run.bytes)
  redis.call('DEL', join_key)
  return { 'rebuild' }
end
if run.status == 'paused' then
  local failed = close_and_append()
  if failed then return failed end
  redis.call('HSET', run_key, 'recorded', run.recorded, 'bytes', run.bytes)
  redis.call('DEL', join_key)
  run.inline = ''
  return put_aside(call)
end
if ending ~= '' then
  call.record = record
  return ending == 'continued' and renew(call, plan) or finish(call, plan)
end
if opens_one(call, plan) then
  -- One step closes and one opens, and has nothing to tell yet: the count of open steps stays 1.
  local opening = plan.openings[1]
  local failed = close_and_append()
  if failed then return failed end
  keep_patches(run_key, plan)
  redis.call('HSET', run_key, 'opened', opening.number + 1, 'inline', opening.step, 'delivered', upto, 'recorded', run.recorded,
    'bytes', run.bytes)
  return { 'inline', opening.step, 1, 0 }
end
check_keys(keys, plan)
local failed = close_and_append()
if failed then return failed end
redis.call('HSET', run_key, 'recorded', run.recorded, 'bytes', run.bytes)
run.inline = ''
return apply_plan(call, plan)
