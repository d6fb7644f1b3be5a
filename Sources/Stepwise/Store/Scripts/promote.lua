-- promote: moves due entries of one queue from `delayed` to its list. Knows no run.
-- KEYS  1 delayed  2 queue:<queue>
-- ARGV  1 how many characters the queue's name and the space take  2... members, at most 100
-- Reply how many were moved
-- Guarantees: an entry is moved once, whoever else tries.
redis.call('LLEN', KEYS[2])
local moved = 0
for n = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[n]) == 1 then
    redis.call('RPUSH', KEYS[2], string.sub(ARGV[n], tonumber(ARGV[1]) + 1))
    moved = moved + 1
  end
end
return moved
