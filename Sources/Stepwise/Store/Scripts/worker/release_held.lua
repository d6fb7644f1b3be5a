-- release_held: a claimed work item goes back because its run's function held its worker's thread. That is a lost worker, whatever is open;
-- a function that has cost as many as it may is not delivered again: its run is parked with the reason.
-- KEYS  run               run:<id>
--       open              open:<id>
--       claimed           claimed:<worker>:<queue>
--       queue             queue:<queue>
--       queued            runs:queued
--       running           runs:running
--       unserved          runs:unserved
--       parked            runs:parked
--       waiting_pushed    waiting:pushed:<queue>
--       waiting_enqueued  waiting:enqueued
--       pushed_queues     pushed:queues
-- ARGV  id
--       worker
--       text
--       kind        'turn' or 'step'
--       generation
--       step        '' for a turn
--       attempt
--       max_losses  how many workers a function may lose
--       reason      for parking
--       queue       of the run
-- Reply {'moved'}, {'parked'}, {'held'} (the run was paused or parked before), {'obsolete'} (dropped), {'gone'} (it is not in the list)
-- Guarantees: as release. What a parked run's claim held is marked in `open`, so that resume can queue it again. The count stays: who resumes
--       the run allows one more delivery; a turn's worker executes nothing else meanwhile.
local run_key, open_key, claimed_key, queue_key, queued_key, running_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local unserved_key, parked_key, waiting_pushed_key, waiting_enqueued_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local pushed_queues_key = KEYS[11]
local id, worker, text, kind, generation, step, attempt = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local max_losses, reason, queue = tonumber(ARGV[8]), ARGV[9], ARGV[10]
if not prove_claim(claimed_key, text) then return { 'gone' } end
redis.call('LLEN', queue_key)
need_right('RPUSH', queue_key, '')
need_right('HSET', run_key, 'turn', 'queue')
local run, more = read_run(run_key, { 'created', 'pushed', 'reason' })
local is_turn, open = kind == 'turn', false
local wanted = is_live(run) and run.generation == generation
if wanted and is_turn then
  wanted = run.turn == 'queue' or string.match(run.turn, '^(%S+) %d+ ') == worker
  step = run.inline
end
if wanted then open = find_open(run, open_key, step) end
if wanted and not is_turn then wanted = open and open.attempt == attempt and open.where == 'item' end
drop_claim(claimed_key, text)
if not wanted then return { 'obsolete' } end

local losses = lost_turns(run) + 1
redis.call('HSET', run_key, 'lost', losses .. ' ' .. run.recorded .. ' held')
if losses < max_losses and not is_held(run) then
  if is_turn then redis.call('HSET', run_key, 'turn', 'queue') end
  -- A first turn brings nothing along any more: how often it was lost has to be known before its function begins.
  redis.call('RPUSH', queue_key, is_turn and turn_text(id, generation) or text)
  return { 'moved' }
end
if open then redis.call('HSET', open_key, step, open_text(open, 'held')) end
if is_turn then redis.call('HSET', run_key, 'turn', '', 'inline', '') end
-- A run that is paused, or parked already, keeps its first reason. One that is being resumed has none: resume sees this one, and begins from
-- the beginning.
if is_held(run) then
  if not more[3] then redis.call('HSET', run_key, 'reason', reason) end
  return { 'held' }
end
redis.call('HSET', run_key, 'status', 'parked', 'reason', reason)
move_status({ queued = queued_key, running = running_key, unserved = unserved_key, parked = parked_key }, id, run.status, 'parked')
local lists = { run = run_key, pushed = waiting_pushed_key, queues = pushed_queues_key, enqueued = waiting_enqueued_key }
note_waiting(run, id, lists, more[1], more[2], queue)
return { 'parked' }
