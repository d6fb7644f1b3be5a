-- promote: moves due entries of one queue from `delayed` to its list. Knows no run: a turn that was delayed is the first of a run, and
-- stands behind those that were enqueued before it was due; what else was delayed goes on with a run that has begun, and is next.
-- KEYS  delayed
--       queue    queue:<queue>
-- ARGV  prefix_length  how many characters the queue's name and the space take
--       entries...     members, at most 100
-- Reply how many were moved
-- Guarantees: an entry is moved once, whoever else tries.
local delayed_key, queue_key = KEYS[1], KEYS[2]
local prefix_length = tonumber(ARGV[1])
local arg_list, entries_at = ARGV, 2
redis.call('LLEN', queue_key)
local moved = 0
for n = entries_at, #arg_list do
  if redis.call('ZREM', delayed_key, arg_list[n]) == 1 then
    local text = string.sub(arg_list[n], prefix_length + 1)
    redis.call(string.sub(text, 1, 5) == 'turn ' and 'LPUSH' or 'RPUSH', queue_key, text)
    moved = moved + 1
  end
end
return moved
