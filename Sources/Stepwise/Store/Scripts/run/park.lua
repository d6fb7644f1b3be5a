-- park: the run waits for other code or a person, with a reason. Its open steps go on to their ends; nobody takes it forward.
-- KEYS  run       run:<id>
--       open      open:<id>
--       claimed   claimed:<worker>:<queue>
--       running   runs:running
--       parked    runs:parked
--       unserved  runs:unserved
--       unfit     unfit:<workflow>
--       waiting_pushed    waiting:pushed:<queue>
--       waiting_enqueued  waiting:enqueued
--       pushed_queues     pushed:queues
-- ARGV  id
--       worker
--       text        of the claim
--       number      of the turn, '' for a step
--       step        '' for a turn
--       reason
--       attempt     of the step
--       divergence  where history and code part, as JSON; '' for another reason
--       version     the version of the code that cannot replay the run, '' for none
--       queue
--       max_waiting  how many pushed runs of the queue may wait
-- Reply {'parked'}, {'obsolete'} or {'stale'}; {'crowded'}: it is a pushed run that never began, and as many wait as may; {'crowded', waiting,
--       size, most}: so many wait that its payload is too large: of these two nothing was changed
-- Guarantees: only the holder of the claim parks; what it held is marked in `open`, so that resume can queue it again. A run that is being
--       resumed gets the reason: resume sees it, and begins from the beginning. With a version
--       the run is listed in unfit:<workflow>, where a worker with another version finds it.
local run_key, open_key, claimed_key, running_key, parked_key, unserved_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local unfit_key, waiting_pushed_key, waiting_enqueued_key, pushed_queues_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local id, worker, text, number, step, reason, attempt, divergence = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local version, queue, max_waiting = ARGV[9], ARGV[10], ARGV[11]
local run, more = read_run(run_key, { 'created', 'pushed', 'reason' })
if not is_live(run) or not prove_claim(claimed_key, text) then return { 'stale' } end
local has_turn = number ~= ''
if has_turn and not holds_turn(run, worker, number) then return { 'stale' } end
local crowd = has_turn and not is_held(run) and find_crowd_of_run(run, run_key, waiting_pushed_key, more[1], more[2], max_waiting)
if crowd then return crowd end
if has_turn then step = run.inline end
local open = find_open(run, open_key, step)
local listed = version ~= '' and (not is_held(run) or redis.pcall('HEXISTS', unfit_key, id) == 1)
drop_claim(claimed_key, text)
if not has_turn and (not open or open.attempt ~= attempt or open.where ~= 'item') then return { 'obsolete' } end
if open then redis.call('HSET', open_key, step, open_text(open, 'held')) end
if has_turn then redis.call('HSET', run_key, 'turn', '', 'inline', '') end
-- The first reason is the one that a person needs. A run that is being resumed has none.
local is_first = not is_held(run) or not more[3]
if is_first then
  redis.call('HSET', run_key, 'status', is_held(run) and run.status or 'parked', 'reason', reason)
  if divergence ~= '' then redis.call('HSET', run_key, 'divergence', divergence) end
end
if listed then
  local unfit = has_word(run.unfit, version) and run.unfit or string.match(run.unfit .. ' ' .. version, '^ ?(.*)$')
  redis.call('HSET', run_key, 'unfit', unfit)
  redis.pcall('HSET', unfit_key, id, queue .. ' ' .. unfit)
end
if not is_held(run) then
  local keys = { running = running_key, unserved = unserved_key, parked = parked_key }
  move_status(keys, id, run.status == 'unserved' and 'unserved' or 'running', 'parked')
  local lists = { run = run_key, pushed = waiting_pushed_key, queues = pushed_queues_key, enqueued = waiting_enqueued_key }
  note_waiting(run, id, lists, more[1], more[2], queue)
end
return { 'parked' }
