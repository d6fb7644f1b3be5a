-- restart: another run is to do a failed run's work from the beginning. The failed run remembers which, so that no second one is made.
-- KEYS  run  run:<id>
-- ARGV  new_id  the new run's id
-- Reply {'restarted', id of the new run, workflow, queue, payload, labels or ''}; {'not failed', status}; {'missing'}
-- Guarantees: the first id stays, however often and with whichever this arrives. Refused at maxmemory, as the new run is.
local run_key = KEYS[1]
local new_id = ARGV[1]
local v = redis.call('HMGET', run_key, 'status', 'restarted', 'workflow', 'queue', 'payload', 'labels')
if not v[1] then return { 'missing' } end
if v[1] ~= 'failed' then return { 'not failed', v[1] } end
if not v[2] then redis.call('HSET', run_key, 'restarted', new_id) end
return { 'restarted', v[2] or new_id, v[3], v[4], v[5], v[6] or '' }
