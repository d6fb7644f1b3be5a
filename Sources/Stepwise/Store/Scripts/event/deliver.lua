-- deliver: an event that was sent to everybody reaches one step that waits for it. Who does not wait any more leaves the event's list.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       join     join:<id>
--       queue    queue:<queue> of the run
--       delayed
--       mail     mail:<id>
--       event    event:<name>
--       meta
--       claimed  claimed:<worker>:<queue>
-- ARGV  id
--       name
--       value       as JSON
--       generation
--       step
--       text        of the claim
--       worker
--       max_bytes   how many bytes a run's outcomes may take
--       queue       of the run
-- Reply {'received'}; {'obsolete'}; {'stale'}
-- Guarantees: sent again, it changes nothing: the step is closed.
local run_key, steps_key, open_key, join_key, queue_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local mail_key, event_key, meta_key, claimed_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local id, name, value, generation, step, text, worker, max_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local queue = ARGV[9]
local keys = {
  run = run_key, steps = steps_key, open = open_key, join = join_key, queue = queue_key, delayed = delayed_key, mail = mail_key,
  event = event_key, meta = meta_key,
}
if not prove_claim(claimed_key, text) then return { 'stale' } end
local run = read_run(run_key)
local open = is_live(run) and run.generation == generation and read_open(redis.call('HGET', open_key, step))
check_delivery(keys)
if not waits_for(open, name) then
  redis.call('ZREM', event_key, event_waiter(queue, id, generation, step))
  return { 'obsolete' }
end
deliver(run, id, queue, keys, step, open, name, value, worker, max_bytes)
return { 'received' }
