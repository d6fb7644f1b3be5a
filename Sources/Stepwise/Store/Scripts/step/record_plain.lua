-- record_plain: records a claimed step that has nothing special about it, while nobody needs the turn for it: somebody has the turn, or the
-- function waits for others as well before it can go on. In every other case it does nothing, and the caller asks `record`.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       join     join:<id>
--       claimed  claimed:<worker>:<queue>
-- ARGV  generation
--       step
--       text
--       head
--       tail        of the record
--       max_bytes   how many bytes a run's outcomes may take
-- Reply 1: recorded; 0: nothing was changed
-- Guarantees: as `record`. Sent again it answers 0; `record` then finds what the first sending did.
local run_key, steps_key, open_key, join_key, claimed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local generation, step, text, head, tail, max_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local v = redis.call('HMGET', run_key, 'status', 'generation', 'turn', 'recorded', 'bytes', 'joins')
if v[1] ~= 'running' or v[2] ~= generation then return 0 end
local opened = redis.call('HGET', open_key, step)
local called = opened and string.match(opened, '^run 1 0 item called=(%d+)$')
if not called and opened ~= 'run 1 0 item' then return 0 end
if not v[3] or v[3] == '' then
  if v[6] ~= '1' or string.sub(tail, 1, 8) ~= '"value":' or redis.call('HLEN', open_key) < 2 then return 0 end
end
local record, number = record_text(head, called and wait_text(called, head) or '', tail), (tonumber(v[4]) or 0) + 1
local bytes = (tonumber(v[5]) or 0) + #record
if is_too_much(bytes, tail, max_bytes) or redis.call('LREM', claimed_key, -1, text) == 0 then return 0 end
local reply = redis.pcall('HSET', steps_key, number, record)
if type(reply) == 'table' and reply.err then
  -- The history's key is of another type: nothing has happened.
  redis.call('RPUSH', claimed_key, text)
  return reply
end
redis.call('HDEL', open_key, step)
redis.pcall('DECR', join_key)
redis.call('HSET', run_key, 'recorded', number, 'bytes', bytes)
return 1
