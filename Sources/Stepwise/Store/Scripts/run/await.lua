-- await: how a run stands; if it has not ended, its end will be published.
-- KEYS  run  run:<id>
-- Reply {status, output, error}, or {} if there is no such run
local run_key = KEYS[1]
local v = redis.call('HMGET', run_key, 'status', 'output', 'error', 'awaited')
if not v[1] then return {} end
if not ENDED[v[1]] and not v[4] then
  redis.call('HDEL', run_key, '-')
  redis.call('HSET', run_key, 'awaited', '1')
end
return { v[1], v[2] or '', v[3] or '' }
