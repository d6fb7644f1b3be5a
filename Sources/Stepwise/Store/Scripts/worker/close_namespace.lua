-- close_namespace: begins the deletion of a namespace: a mark takes the place of its data format, so that whoever opens it from now on is
-- refused, of whatever version. A worker that had opened it before and registers only now ends with its first beat.
-- KEYS  workers
--       meta
-- ARGV  mark
--       silence  a worker that has beaten within so many ms is alive
-- Reply {'alive', worker, ms since its beat}, and nothing was changed; else {'closed', the data format that it had, or ''}
-- Guarantees: sent twice, the time of the first stays. A key of a wrong type has no workers and no data format, and stops nothing.
local workers_key, meta_key = KEYS[1], KEYS[2]
local mark, silence = ARGV[1], tonumber(ARGV[2])

-- What is read of a key; nil for one of a wrong type. Another error comes again, and ends the script.
local function read(...)
  local reply = redis.pcall(...)
  if type(reply) ~= 'table' or not reply.err then return reply end
  if string.find(reply.err, 'WRONGTYPE ', 1, true) then return nil end
  return redis.call(...)
end

local newest = read('ZREVRANGEBYSCORE', workers_key, '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, 1)
if newest and newest[1] then
  local age = now() - tonumber(newest[2])
  if age < silence then return { 'alive', newest[1], string.format('%.0f', math.max(0, age)) } end
end
local format = read('HGET', meta_key, 'format')
if format == mark then return { 'closed', redis.call('HGET', meta_key, 'was') or '' } end
if format == nil then
  redis.call('UNLINK', meta_key)
else
  redis.call('HDEL', meta_key, '-')
end
redis.call('HSET', meta_key, 'format', mark, 'deleting', now(), 'was', format or '')
return { 'closed', format or '' }
