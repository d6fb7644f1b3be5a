-- release: one claimed work item goes back to its queue: its worker died, drains, or cannot start it now. A step that has lost as many
-- workers as it may is not delivered again: that is its outcome. A function that loses them between its steps ends its run.
-- KEYS  run           run:<id>; of a message any key
--       open          open:<id>
--       claimed       claimed:<worker>:<queue>
--       queue         queue:<queue>
--       steps         steps:<id>
--       join          join:<id>
--       running       runs:running
--       queued        runs:queued
--       unserved      runs:unserved
--       failed        runs:failed
--       ending        runs:ending
--       dead
--       parent_queue  queue:<queue> of the run that waits for it, or any list
--       worker        worker:<worker>
-- ARGV  text
--       worker
--       kind        'turn', 'step' or 'message'
--       generation
--       step
--       attempt
--       is_lost     '1' if the worker was lost with it. On its last delivery that counts only if it had begun, alone: note_alone
--       max_losses  how many workers a step may lose
--       id
-- Reply {'moved'}, {'obsolete'} (dropped), {'gone'} (it is not in the list), {'failed'} (the run has ended, or will once what it leaves is
--       ended in pages: end_page)
-- Guarantees: list to list; a turn is marked as queued in the same step, so its old holder can change nothing any more. A step
--       that is lost, or was never on a queue, says that it is on one from now on.
local run_key, open_key, claimed_key, queue_key, steps_key, join_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local running_key, queued_key, unserved_key, failed_key, ending_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local dead_key, parent_queue_key, worker_key = KEYS[12], KEYS[13], KEYS[14]
local text, worker, kind, generation, step, attempt, is_lost = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1'
local max_losses, id = tonumber(ARGV[8]), ARGV[9]

-- Whether what has lost so many workers had begun when this one was lost. On its last delivery, by the worker's own limit, it waits until it
-- is alone: whoever ended the process meanwhile was somebody else.
local function has_begun(lost, known_text)
  local entry = redis.call('HMGET', worker_key, 'maximumWorkerLosses', 'alone')
  local limit = tonumber(entry[1] or '')
  return not limit or lost == 0 or lost < limit - 1 or entry[2] == known_text
end

if not prove_claim(claimed_key, text) then return { 'gone' } end
redis.call('LLEN', queue_key)
need_right('RPUSH', queue_key, '')
if kind == 'message' then
  drop_claim(claimed_key, text)
  redis.call('RPUSH', queue_key, text)
  return { 'moved' }
end
local run = read_run(run_key)
local wanted = is_live(run) and run.generation == generation
local is_turn, open = kind == 'turn', false
if wanted and is_turn then
  local holder = string.match(run.turn, '^(%S+) %d+ ')
  wanted = run.turn == 'queue' or holder == worker
  step = run.inline
end
if wanted then open = find_open(run, open_key, step) end
if wanted and kind == 'step' then wanted = open and open.attempt == attempt and open.where == 'item' end
redis.call('HLEN', steps_key)
need_right('HSET', run_key, 'turn', 'queue')
local losses, has_held = lost_turns(run or { lost = '', recorded = 0 })
if wanted and is_lost then is_lost = has_begun(open and open.lost or losses, is_turn and turn_text(id, generation) or text) end
local turn_losses = wanted and is_lost and is_turn and not open and not is_held(run) and losses + 1
local fails = turn_losses and turn_losses >= max_losses
if fails then check_parent(run, parent_queue_key) end
local in_pages = fails and ends_in_pages(run, open_key)
local cancels = fails and not in_pages and ending_texts(run, id, open_key)
drop_claim(claimed_key, text)
if not wanted then return { 'obsolete' } end

if fails then
  local keys = {
    run = run_key, join = join_key, queue = queue_key, parent_queue = parent_queue_key, running = running_key, queued = queued_key,
    unserved = unserved_key, failed = failed_key, ending = ending_key, dead = dead_key,
  }
  local message = turn_losses .. ' workers were lost while they executed the workflow\'s function after outcome ' .. run.recorded
    .. ': its code ends the process' .. (has_held and ', or holds its worker\'s thread,' or ',') .. ' between the steps'
  local fields = { 'error', error_json('WorkersLost', message, 'worker', worker) }
  if in_pages then
    begin_end(run, id, keys, { ending = 'failed', fields = fields }, queue_key)
    return { 'failed' }
  end
  redis.call('UNLINK', open_key, join_key)
  end_run(run, id, keys, { status = 'failed', fields = fields, texts = cancels })
  return { 'failed' }
end
if turn_losses then redis.call('HSET', run_key, 'lost', turn_losses .. ' ' .. run.recorded .. (has_held and ' held' or '')) end
local turn_is_due = is_turn
-- A first turn that was lost brings nothing along any more: how often that happened has to be known before its function begins.
local item = turn_losses and turn_text(id, run.generation) or text
if is_lost and open then
  open.lost = open.lost + 1
  if open.lost >= max_losses then
    -- A child that the step may have made, and that is to end with it.
    local cancel = cancel_text(id, run.generation, step, open)
    close_step(run, run_key, open_key, join_key, step)
    -- Nobody knows where a killed worker was.
    local message = open.lost .. ' workers were lost while they executed the step\'s body, the last one beside no other body. The function'
      .. ' after the step may be the cause as well, or what an earlier body has left running there'
    append_outcome(run, run_key, steps_key, outcome_text(outcome_head(step, nil, nil, open.attempt, worker), open,
      '"error":' .. error_json('WorkersLost', message, 'cause', 'workersLost')))
    if cancel then redis.call('RPUSH', queue_key, cancel) end
    turn_is_due = turn_is_due or (run.turn == '' and not is_held(run))
    item = turn_is_due and turn_text(id, run.generation)
  else
    open.called = now()
    redis.call('HSET', open_key, step, open_text(open, open.where))
  end
elseif not is_turn and not open.called then
  -- Its worker has kept it since it was opened.
  open.called = now()
  redis.call('HSET', open_key, step, open_text(open, open.where))
end
if turn_is_due then redis.call('HSET', run_key, 'turn', 'queue') end
if item then redis.call('RPUSH', queue_key, item) end
return { 'moved' }
