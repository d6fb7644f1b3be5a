-- try_commands: calls every command that a script or a worker calls, on a key that is nobody's, for a worker that starts: a script that met a
-- forbidden one in its middle would not be rolled back.
-- KEYS  scratch
--       kinds...  keys of the kinds that scripts write: Redis executes nothing of this script if its user may not write one of them
-- ARGV  channel  of the kind ended:<id>
-- Reply {command, error, ...} of those that Redis answered with an error
-- Guarantees: leaves nothing behind. Redis looks at what a user may before it looks at a key's type, or at its memory.
local scratch_key = KEYS[1]
local key_list, kinds_at = KEYS, 2
local channel = ARGV[1]
local errors = {}

for _, call in ipairs({
  { 'PING' }, { 'TIME' }, { 'INFO', 'server' }, { 'PUBLISH', channel, '' },
  { 'EXISTS', scratch_key, unpack(key_list, kinds_at) },
  -- The key is not there.
  { 'GET', scratch_key }, { 'STRLEN', scratch_key },
  { 'HGET', scratch_key, '' }, { 'HMGET', scratch_key, '' }, { 'HEXISTS', scratch_key, '' }, { 'HLEN', scratch_key },
  { 'HSTRLEN', scratch_key, '' }, { 'HSCAN', scratch_key, 0 },
  { 'LLEN', scratch_key }, { 'LINDEX', scratch_key, 0 }, { 'LRANGE', scratch_key, 0, 0 }, { 'LPOS', scratch_key, '' },
  { 'LMOVE', scratch_key, scratch_key, 'LEFT', 'LEFT' },
  { 'ZCARD', scratch_key }, { 'ZSCORE', scratch_key, '' }, { 'ZMSCORE', scratch_key, '' }, { 'ZLEXCOUNT', scratch_key, '-', '+' },
  { 'ZRANGEBYSCORE', scratch_key, 0, 0 }, { 'ZREVRANGE', scratch_key, 0, 0 }, { 'ZREVRANGEBYSCORE', scratch_key, 0, 0 },
  { 'ZRANGEBYLEX', scratch_key, '-', '+' }, { 'ZREVRANGEBYLEX', scratch_key, '+', '-' },
  -- What the first of each line writes, the last removes.
  { 'HSET', scratch_key, 'n', 0 }, { 'HINCRBY', scratch_key, 'n', 1 }, { 'HDEL', scratch_key, 'n' },
  { 'LPUSH', scratch_key, '' }, { 'RPUSH', scratch_key, '' }, { 'LTRIM', scratch_key, 0, 1 }, { 'LPOP', scratch_key },
  { 'LREM', scratch_key, 0, '' },
  { 'ZADD', scratch_key, 0, '' }, { 'ZREM', scratch_key, '' },
  { 'SET', scratch_key, 1, 'PX', 1000 }, { 'EXPIRE', scratch_key, 1 }, { 'DECR', scratch_key }, { 'UNLINK', scratch_key }, { 'DEL', scratch_key },
}) do
  local reply = redis.pcall(unpack(call))
  if type(reply) == 'table' and reply.err then
    errors[#errors + 1] = call[1]
    errors[#errors + 1] = reply.err
  end
end
return errors
