-- pause: nothing new of a run begins until it is resumed. Bodies that run end and are recorded.
-- KEYS  run       run:<id>
--       queued    runs:queued
--       running   runs:running
--       unserved  runs:unserved
--       paused    runs:paused
-- ARGV  id
--       reason
-- Reply {'paused'}; {'already'}; {'parked'}: it waits for other code or a person, nothing was changed; {'over', status}; {'missing'}
-- Guarantees: where its work items and its turn are stays as it is; who claims one, or holds the turn, puts it aside. Sent again, it changes
--       nothing.
local run_key, queued_key, running_key, unserved_key, paused_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, reason = ARGV[1], ARGV[2]
local run = read_run(run_key)
if not run then return { 'missing' } end
if not is_live(run) then return { 'over', run.status } end
if run.status == 'paused' then return { 'already' } end
if run.status == 'parked' then return { 'parked' } end
redis.call('HDEL', run_key, '-')
redis.call('HSET', run_key, 'status', 'paused', 'reason', reason)
local keys = { queued = queued_key, running = running_key, unserved = unserved_key, paused = paused_key }
move_status(keys, id, run.status, 'paused')
return { 'paused' }
