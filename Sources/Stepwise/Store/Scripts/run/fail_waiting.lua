-- fail_waiting: a run that somebody enqueued and that never began within an age fails.
-- KEYS  run             run:<id>
--       open            open:<id>
--       join            join:<id>
--       queue           queue:<queue> of the run
--       delayed
--       meta
--       queued          runs:queued
--       parked          runs:parked
--       unserved        runs:unserved
--       failed          runs:failed
--       dead
--       parent_queue    queue:<queue> of the run that waits for it, or any list
--       unserved_items  unserved:<queue>:<workflow>
--       unfit           unfit:<workflow>
--       waiting         waiting:enqueued
-- ARGV  id
--       queue
--       age    in ms
--       limit  the same as a person reads it
-- Reply {'ended'}; {'early'}: its time has not come, or it is not to start yet; {'obsolete'}: it has begun, or is gone
-- Guarantees: sent again, it changes nothing. A pushed run is left alone.
local run_key, open_key, join_key, queue_key, delayed_key, meta_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local queued_key, parked_key, unserved_key, failed_key, dead_key, parent_queue_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local unserved_items_key, unfit_key, waiting_key = KEYS[13], KEYS[14], KEYS[15]
local id, queue, age, limit = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local run, more = read_run(run_key, { 'created', 'pushed', 'startsAt', 'reason' })
local is_queued = run and run.status == 'queued' and run.turn == 'queue' and run.recorded == 0 and is_first_generation(run, more[1])
if not run or more[2] or not (is_queued or is_waiting(run, more[1])) then
  redis.pcall('ZREM', waiting_key, id)
  return { 'obsolete' }
end
local since = tonumber(redis.call('ZSCORE', is_queued and queued_key or waiting_key, id))
if not since or math.max(since, tonumber(more[3]) or 0) > now() - age then return { 'early' } end
redis.call('LLEN', queue_key)
check_parent(run, parent_queue_key)
redis.call('UNLINK', open_key, join_key)
redis.call('HDEL', run_key, 'reason', 'divergence')
redis.pcall('ZREM', waiting_key, id)
redis.pcall('HDEL', unfit_key, id)
if run.turn == 'unserved' then drop_unserved(unserved_items_key, turn_text(id, run.generation), -1) end
redis.pcall('HINCRBY', meta_key, 'cancels', 1)
local keys = {
  run = run_key, queue = queue_key, parent_queue = parent_queue_key, delayed = delayed_key, queued = queued_key, parked = parked_key,
  unserved = unserved_key, failed = failed_key, dead = dead_key,
}
local message = 'the run had not begun within ' .. limit .. ' (waitingLimit of the worker\'s configuration); it was ' .. run.status
  .. (more[4] and ': ' .. more[4] or '')
end_run(run, id, keys, {
  status = 'failed', fields = { 'error', error_json('NeverBegan', message) }, texts = {},
  limits = { start_entry(queue, id, run.generation), limit_entry(queue, id, run.generation, '') },
})
return { 'ended' }
