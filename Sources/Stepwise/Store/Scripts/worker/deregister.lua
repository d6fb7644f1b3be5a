-- deregister: a worker's name leaves the index: at a clean exit, or an hour after it was declared dead. Only with empty claim lists.
-- KEYS  1 workers  2 worker:<worker>  3... claimed:<worker>:<queue>
-- ARGV  1 worker  2 how many ms it must have been dead ('' : a clean exit)
-- Reply 1 if it left, else 0
for n = 3, #KEYS do
  if redis.call('LLEN', KEYS[n]) > 0 then return 0 end
end
if ARGV[2] ~= '' then
  local at = redis.call('HGET', KEYS[2], 'declaredDead')
  if not at or now() - at < tonumber(ARGV[2]) then return 0 end
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return 1
