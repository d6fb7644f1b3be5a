-- accept_pushed: turns a claimed pushed item (what other services LPUSH) into a run whose first turn the caller holds, or which starts later.
-- KEYS  1 run:<id>  2 claimed:<worker>:<queue>  3 runs:running  4 delayed  5 runs:queued  6 queue:<queue>
-- ARGV  1 id  2 workflow  3 queue  4 payload  5 pushed item  6 worker  7 token  8 labels as JSON or ''
--       9 within how many ms it has to be done, or ''  10 when it is to start: '+<ms>' from now, '<ms>' since 1970, or '' for at once
-- Reply {'ok', generation}; {'later'}: its turn waits in `delayed`;
--       {'exists'}: the id has a run already, the item is dropped; {'other', workflow}: it
--       has one of another workflow, the item stays; {'stale'}: the caller does not hold the item.
-- Guarantees: the item and the run change places in one step; sent again, it gives the same answer.
local v = redis.call('HMGET', KEYS[1], 'turn', 'generation', 'workflow')
local mine = holder_text(ARGV[6], 1, ARGV[7])
if not redis.call('LPOS', KEYS[2], ARGV[5]) then
  if v[1] == mine then return { 'ok', v[2] } end
  return { 'stale' }
end
redis.call('ZCARD', KEYS[4])
if v[3] and v[3] ~= ARGV[2] then return { 'other', v[3] } end
redis.call('LREM', KEYS[2], -1, ARGV[5])
if v[1] then return { 'exists' } end
local time, starts = now(), start_time(ARGV[10])
redis.call('HSET', KEYS[1], 'workflow', ARGV[2], 'queue', ARGV[3], 'payload', ARGV[4], 'generation', time, 'created', time,
  'status', starts and 'queued' or 'running', 'turn', starts and 'queue' or mine, 'turns', starts and 0 or 1)
if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'labels', ARGV[8]) end
if ARGV[9] ~= '' then set_deadline(KEYS[1], KEYS[4], KEYS[2], ARGV[1], time, ARGV[9]) end
if starts then
  redis.call('HSET', KEYS[1], 'startsAt', starts)
  redis.call('ZADD', KEYS[4], starts, start_entry(KEYS[6], ARGV[1], time))
  redis.pcall('ZADD', KEYS[5], time, ARGV[1])
  return { 'later' }
end
redis.call('LPUSH', KEYS[2], turn_text(ARGV[1], time))
redis.pcall('ZADD', KEYS[3], time, ARGV[1])
return { 'ok', time }
