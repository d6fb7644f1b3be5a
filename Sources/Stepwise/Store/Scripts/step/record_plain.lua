-- record_plain: records a claimed step that has nothing special about it, while nobody needs the turn for it: somebody has the turn, or the
-- function waits for others as well before it can go on. In every other case it does nothing, and the caller asks `record`.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 claimed:<worker>:<queue>
-- ARGV  1 generation  2 step  3 text  4 head  5 tail of the record  6 how many bytes a run's outcomes may take
-- Reply 1: recorded; 0: nothing was changed
-- Guarantees: as `record`. Sent again it answers 0; `record` then finds what the first sending did.
local v = redis.call('HMGET', KEYS[1], 'status', 'generation', 'turn', 'recorded', 'bytes', 'joins')
if v[1] ~= 'running' or v[2] ~= ARGV[1] or redis.call('HGET', KEYS[3], ARGV[2]) ~= 'run 1 0 item' then return 0 end
if not v[3] or v[3] == '' then
  if v[6] ~= '1' or string.sub(ARGV[5], 1, 8) ~= '"value":' or redis.call('HLEN', KEYS[3]) < 2 then return 0 end
end
local record, number = record_text(ARGV[4], '', ARGV[5]), (tonumber(v[4]) or 0) + 1
local bytes = (tonumber(v[5]) or 0) + #record
if is_too_much(bytes, ARGV[5], ARGV[6]) or redis.call('LREM', KEYS[5], -1, ARGV[3]) == 0 then return 0 end
local reply = redis.pcall('HSET', KEYS[2], number, record)
if type(reply) == 'table' and reply.err then
  -- The history's key is of another type: nothing has happened.
  redis.call('RPUSH', KEYS[5], ARGV[3])
  return reply
end
redis.call('HDEL', KEYS[3], ARGV[2])
redis.pcall('DECR', KEYS[4])
redis.call('HSET', KEYS[1], 'recorded', number, 'bytes', bytes)
return 1
