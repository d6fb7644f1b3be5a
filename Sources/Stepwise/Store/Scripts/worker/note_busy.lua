-- note_busy: notes which bodies a worker has executed for longer than a heartbeat, for people to see.
-- KEYS  worker  worker:<worker>
--       busy    busy:<worker>
-- ARGV  is_first  '1' if what was noted before is to go
--       seconds   after which all of it goes, if no other call comes
--       gone      how many bodies are no longer to be noted
--       bodies... their numbers; then of each new one its number, for how many ms it has been executed, and its JSON object without `since` and
--                 without the brace at its end
-- Reply 1 if it is noted, 0 if the name is gone or dead
-- Guarantees: at most a page of new ones. Nothing is noted for a name that is not alive: what declare_dead and deregister remove does not come
--       back. Sent twice, it changes nothing but `since`, by the time between.
local worker_key, busy_key = KEYS[1], KEYS[2]
local is_first, seconds, gone = ARGV[1] == '1', ARGV[2], tonumber(ARGV[3])
local arg_list, bodies_at = ARGV, 4
if redis.call('HGET', worker_key, 'state') ~= 'alive' then return 0 end
redis.call('HDEL', worker_key, '-')
if is_first then redis.pcall('UNLINK', busy_key) end
local new_at = bodies_at + gone
for n = bodies_at, new_at - 1 do redis.pcall('HDEL', busy_key, arg_list[n]) end
for n = new_at, #arg_list, 3 do
  local since = string.format('%.0f', now() - arg_list[n + 1])
  redis.pcall('HSET', busy_key, arg_list[n], arg_list[n + 2] .. ',"since":' .. since .. '}')
end
redis.pcall('EXPIRE', busy_key, seconds)
return 1
