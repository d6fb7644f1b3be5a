-- promote: moves due entries of one queue from `delayed` to its list. Knows no run: a turn that was delayed is the first of a run, and
-- stands behind those that were enqueued before it was due; what else was delayed goes on with a run that has begun, and is next.
-- KEYS  1 delayed  2 queue:<queue>
-- ARGV  1 how many characters the queue's name and the space take  2... members, at most 100
-- Reply how many were moved
-- Guarantees: an entry is moved once, whoever else tries.
redis.call('LLEN', KEYS[2])
local moved = 0
for n = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[n]) == 1 then
    local text = string.sub(ARGV[n], tonumber(ARGV[1]) + 1)
    redis.call(string.sub(text, 1, 5) == 'turn ' and 'LPUSH' or 'RPUSH', KEYS[2], text)
    moved = moved + 1
  end
end
return moved
