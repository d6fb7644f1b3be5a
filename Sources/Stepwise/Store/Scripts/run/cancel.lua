-- cancel: a run is to end. Of one that has begun, the function learns of it as of an outcome; one that nobody takes forward (it waits in
-- a queue for its first turn, for a person, or for other code) ends at once.
-- KEYS  run             run:<id>
--       steps           steps:<id>
--       open            open:<id>
--       join            join:<id>
--       queue           queue:<queue>
--       meta
--       cancelled       runs:cancelled
--       ending          runs:ending
--       queued          runs:queued
--       running         runs:running
--       unserved        runs:unserved
--       parked          runs:parked
--       unfit           unfit:<workflow>
--       paused          runs:paused
--       parent_queue    queue:<queue> of the run that waits for it, or any list
--       unserved_items  unserved:<queue>:<workflow>
--       claimed         claimed:<worker>:<queue>, for a worker
--       delayed
-- ARGV  id
--       reason
--       text       of the claim, '' for a person
--       queue
--       parent?    for a worker: the step that made the run: '<run> <generation> <step>'
--       workflow?  for a worker: the run's, '-' if it was made for certain
-- Reply {'requested'}; {'ended'}: it is cancelled now; {'ending'}: it will be, what it leaves is ended in pages first (end_page);
--       {'already'}: it was requested before; {'over', status}: it has ended, or its end is decided, nothing
--       was changed; {'missing'}; {'stale'}: the claim is not the caller's
-- Guarantees: one request for a run, one end; sent again, it changes nothing. A child that was not made yet is made here, as one that was
--       cancelled: whoever is about to make it finds it. The child of another step is left alone.
local run_key, steps_key, open_key, join_key, queue_key, meta_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local cancelled_key, ending_key, queued_key, running_key, unserved_key, parked_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local unfit_key, paused_key, parent_queue_key, unserved_items_key, claimed_key = KEYS[13], KEYS[14], KEYS[15], KEYS[16], KEYS[17]
local delayed_key = KEYS[18]
local id, reason, text, queue, parent, workflow = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local run = read_run(run_key)
local decided = run and run.status == 'ending' and redis.call('HGET', run_key, 'ending')
-- Between two generations nobody takes the run forward: the cancel ends it, like one that has not begun.
local is_between = decided == 'continued'
local by_parent = text ~= ''
if by_parent then
  if not prove_claim(claimed_key, text) then return { 'stale' } end
  local is_child = run and run.parent == parent
  local is_requested = is_child and run.status == 'running' and redis.call('HEXISTS', run_key, 'cancelled') == 1
  if run and (not is_child or not is_live(run) and not is_between or is_requested) or not run and workflow == '-' then
    drop_claim(claimed_key, text)
    return { 'already' }
  end
end
if not run and not by_parent then return { 'missing' } end
local cause = error_json('CancellationError', reason)
if not run then
  local time = now()
  drop_claim(claimed_key, text)
  redis.call('HSET', run_key, 'workflow', workflow, 'queue', queue, 'payload', 'null', 'status', 'cancelled',
    'generation', new_generation(), 'turn', '', 'created', time, 'ended', time, 'parent', parent, 'cancelled', reason, 'error', cause)
  redis.pcall('ZADD', cancelled_key, time, id)
  return { 'ended' }
end
if is_between then
  if by_parent then drop_claim(claimed_key, text) end
  redis.call('HDEL', run_key, 'next')
  redis.call('HSET', run_key, 'ending', 'cancelled', 'cancelled', reason, 'error', cause)
  return { 'ending' }
end
if not is_live(run) then return { 'over', decided or run.status } end
if run.status == 'running' and redis.call('HEXISTS', run_key, 'cancelled') == 1 then return { 'already' } end
redis.call('LLEN', queue_key)
redis.call('HLEN', steps_key)
redis.call('HLEN', meta_key)
check_parent(run, parent_queue_key)
local in_pages = run.status ~= 'running' and ends_in_pages(run, open_key)
local cancels = run.status ~= 'running' and not in_pages and ending_texts(run, id, open_key)
local limits = run.turns == 0 and { start_entry(queue, id, run.generation) } or {}
if by_parent then drop_claim(claimed_key, text) end
if run.status ~= 'running' then
  if not in_pages then redis.call('UNLINK', open_key, join_key) end
  redis.call('HDEL', run_key, 'reason', 'divergence')
  redis.pcall('HDEL', unfit_key, id)
  if run.turn == 'unserved' then drop_unserved(unserved_items_key, turn_text(id, run.generation), 1) end
  redis.pcall('HINCRBY', meta_key, 'cancels', 1)
  local keys = {
    run = run_key, join = join_key, queue = queue_key, parent_queue = parent_queue_key, delayed = delayed_key, ending = ending_key,
    queued = queued_key, running = running_key, unserved = unserved_key, parked = parked_key, paused = paused_key, cancelled = cancelled_key,
  }
  local fields = { 'cancelled', reason, 'error', cause }
  if in_pages then
    limits[#limits + 1] = limit_entry(queue, id, run.generation, '')
    begin_end(run, id, keys, { ending = 'cancelled', fields = fields, limits = limits }, queue_key)
    return { 'ending' }
  end
  end_run(run, id, keys, { status = 'cancelled', fields = fields, texts = cancels, limits = limits })
  return { 'ended' }
end
redis.call('HDEL', run_key, '-')
append_outcome(run, run_key, steps_key, '{"step":"","at":' .. now() .. ',"cancel":' .. cjson.encode(reason) .. '}', 'cancelled', reason)
queue_turn(run, id, run_key, queue_key)
-- Workers look through what they hold when they see another number here.
redis.pcall('HINCRBY', meta_key, 'cancels', 1)
return { 'requested' }
