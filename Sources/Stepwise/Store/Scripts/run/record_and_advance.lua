-- record_and_advance: record and advance in one, while the only open step is the turn holder's inline step. One script a step.
-- KEYS  as advance
-- ARGV  1 to 10 as advance, with `upto` the number that this outcome must get
--       11 step  12 head  13 tail of the record  14 token of the claim that writes it
--       15 '1' if the open step's text tells more than that it is open: earlier attempts, lost workers, a begun body
--       16 how many openings, and so on as advance from 11
-- Reply as advance, and {'rebuild'}: recorded, but not as number `upto`, or not as this value: the turn stays, the instance has lived what never was;
--       {'stale'}: the caller holds neither turn nor step
-- Guarantees: as advance; and the outcome is written once, whatever becomes of the rest.
local call = {
  run = read_run(KEYS[1]), id = ARGV[1], worker = ARGV[2], text = ARGV[4], generation = ARGV[5], upto = tonumber(ARGV[6]),
  slots = tonumber(ARGV[7]), last = ARGV[8] == '1', ending = ARGV[9], result = ARGV[10], head = ARGV[12], tail = ARGV[13],
}
local run, step = call.run, ARGV[11]
if not run then return { 'stale' } end
if run.generation ~= call.generation then return { 'continued', 0 } end
local plan = read_plan(run, 16)
local mine = holds_turn(run, call.worker, ARGV[3])
local opened_as = ARGV[15] == '1' and redis.call('HGET', KEYS[3], step)
call.open = read_open(opened_as)

local record, fits
-- Closes the step and writes its outcome; if the history's key is of another type, opens it again and returns the error.
local function close_and_append()
  redis.call('HDEL', KEYS[3], step)
  local reply = redis.pcall('HSET', KEYS[2], run.recorded, record)
  if type(reply) == 'table' and reply.err then
    if opened_as then redis.call('HSET', KEYS[3], step, opened_as) end
    return reply
  end
  if call.open and call.open.limits ~= '' then redis.pcall('ZREM', KEYS[13], limit_entry(KEYS[6], call.id, call.generation, step)) end
  return nil
end

if not is_live(run) or not mine or run.inline ~= step then
  -- Sent before? The outcome has the token of its claim.
  local at, sent
  for n = run.recorded, math.max(call.upto, run.recorded - 1000), -1 do
    local found = redis.call('HGET', KEYS[2], n)
    if found and string.find(found, '"claim":"' .. ARGV[14] .. '"', 1, true) then
      at, sent = n, string.sub(found, -#call.tail - 1) == call.tail .. '}'
      break
    end
  end
  if not is_live(run) then return at and finished_reply(run) or { 'stale' } end
  if not at then
    -- The step's time was up meanwhile: the turn's holder has lived an outcome that never was.
    return { mine and 'rebuild' or 'stale' }
  end
  if not mine then return stale_reply(call) end
  if at ~= call.upto or not sent then return { 'rebuild' } end
  if already_applied(call, plan) then return inline_reply(run) end
  if call.ending ~= '' then return { 'rebuild' } end
  return apply_plan(call, plan)
end

run.recorded = run.recorded + 1
record, fits = bounded_outcome(run, call.id, plan.most, call.head, call.open, call.tail)
-- The instance has lived another outcome, or another order, than what is recorded.
if run.recorded ~= call.upto or not fits then
  local failed = close_and_append()
  if failed then return failed end
  redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'inline', '', 'bytes', run.bytes)
  redis.call('DEL', KEYS[4])
  return { 'rebuild' }
end
if run.status == 'paused' then
  local failed = close_and_append()
  if failed then return failed end
  redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
  redis.call('DEL', KEYS[4])
  run.inline = ''
  return put_aside(call)
end
if call.ending == 'continued' then return renew(call, plan) end
if call.ending ~= '' then
  call.record = record
  return finish(call, plan)
end
if opens_one(call, plan) then
  -- One step closes and one opens, and has nothing to tell yet: the count of open steps stays 1.
  local opening = plan.openings[1]
  local failed = close_and_append()
  if failed then return failed end
  keep_patches(plan)
  redis.call('HSET', KEYS[1], 'opened', opening.number + 1, 'inline', opening.step, 'delivered', call.upto, 'recorded', run.recorded,
    'bytes', run.bytes)
  return { 'inline', opening.step, 1, 0 }
end
check_keys(plan)
local failed = close_and_append()
if failed then return failed end
redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
run.inline = ''
return apply_plan(call, plan)
