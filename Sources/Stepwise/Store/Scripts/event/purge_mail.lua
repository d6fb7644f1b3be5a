-- purge_mail: messages to runs that never came to be go, after an age.
-- KEYS  1 expected, then for each run: run:<id>, mail:<id>, seen:<id>; at most 100 runs
-- ARGV  the ids
-- Reply how many mailboxes were removed
local removed = 0
for n = 1, #ARGV do
  local key = 2 + (n - 1) * 3
  redis.call('ZREM', KEYS[1], ARGV[n])
  if redis.call('EXISTS', KEYS[key]) == 0 then
    redis.call('UNLINK', KEYS[key + 1], KEYS[key + 2])
    removed = removed + 1
  end
end
return removed
