-- set_unserved: a claimed work item that this worker cannot do waits for one that can: it does not have the workflow, or no fitting version of it.
-- KEYS  run             run:<id>
--       claimed         claimed:<worker>:<queue>
--       unserved_items  unserved:<queue>:<workflow>
--       running         runs:running
--       unserved        runs:unserved
--       waiting_pushed    waiting:pushed:<queue>
--       waiting_enqueued  waiting:enqueued
--       pushed_queues     pushed:queues
-- ARGV  id
--       text
--       worker
--       is_turn  '1' for a turn
--       reason
--       is_paused  '1' if it waits because a person has paused its workflow
--       queue
--       max_waiting  how many pushed runs of the queue may wait
-- Reply 1, or 0 if the caller does not hold it, or nobody wants it any more: then it is dropped; {'crowded'}: it is a pushed run that never
--       began, and as many wait as may; {'crowded', waiting, size, most}: so many wait that its payload is too large: of these two nothing was
--       changed
-- Guarantees: a run that was paused or parked meanwhile stays that, and one that has ended stays as it is. One whose workflow is paused is
--       never one too many, but counts among those that wait: nobody else lists it once the workflow is resumed.
local run_key, claimed_key, unserved_items_key, running_key, unserved_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local waiting_pushed_key, waiting_enqueued_key, pushed_queues_key = KEYS[6], KEYS[7], KEYS[8]
local id, text, worker, is_turn, reason, is_paused = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6] == '1'
local queue, max_waiting = ARGV[7], ARGV[8]
local run, more = read_run(run_key, { 'created', 'pushed' })
if not run or not prove_claim(claimed_key, text) then return 0 end
redis.call('LLEN', unserved_items_key)
need_right('LPUSH', unserved_items_key, '')
need_right('HSET', run_key, 'turn', 'unserved')
local is_counted = is_turn and not is_paused and is_live(run) and not is_held(run) and string.match(run.turn, '^%S+') == worker
local crowd = is_counted and find_crowd_of_run(run, run_key, waiting_pushed_key, more[1], more[2], max_waiting)
if crowd then return crowd end
drop_claim(claimed_key, text)
if not is_live(run) or (is_turn and string.match(run.turn, '^%S+') ~= worker) then return 0 end
redis.call('LPUSH', unserved_items_key, text)
if not is_turn then return 1 end
if is_held(run) then
  redis.call('HSET', run_key, 'turn', 'unserved')
  return 1
end
redis.call('HSET', run_key, 'turn', 'unserved', 'status', 'unserved', 'reason', reason)
move_status({ running = running_key, unserved = unserved_key }, id, 'running', 'unserved')
local lists = { run = run_key, pushed = waiting_pushed_key, queues = pushed_queues_key, enqueued = waiting_enqueued_key }
note_waiting(run, id, lists, more[1], more[2], queue)
return 1
