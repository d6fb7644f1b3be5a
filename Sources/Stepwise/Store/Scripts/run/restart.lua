-- restart: a failed run's work is to be begun anew by another run: remembers by which, so that no second one is made for it.
-- KEYS  1 run:<id>
-- ARGV  1 the new run's id
-- Reply {'restarted', id of the new run, workflow, queue, payload, labels or ''}; {'not failed', status}; {'missing'}
-- Guarantees: the first id stays, however often and with whichever this arrives.
local v = redis.call('HMGET', KEYS[1], 'status', 'restarted', 'workflow', 'queue', 'payload', 'labels')
if not v[1] then return { 'missing' } end
if v[1] ~= 'failed' then return { 'not failed', v[1] } end
if not v[2] then
  redis.call('HDEL', KEYS[1], '-')
  redis.call('HSET', KEYS[1], 'restarted', ARGV[1])
end
return { 'restarted', v[2] or ARGV[1], v[3], v[4], v[5], v[6] or '' }
