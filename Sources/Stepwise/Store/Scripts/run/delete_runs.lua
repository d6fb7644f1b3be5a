-- delete_runs: removes ended runs. Never a live one.
-- KEYS  1 runs:<status>  2 dead, then six for each run: run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id>;
--       at most 100 runs
-- ARGV  1 the status, then the ids
-- Reply how many runs were removed
local removed = 0
for n = 2, #ARGV do
  local key = 3 + (n - 2) * 6
  local status = redis.call('HGET', KEYS[key], 'status')
  -- A run that is listed under a status which it does not have leaves that list only.
  redis.call('ZREM', KEYS[1], ARGV[n])
  if status == ARGV[1] then
    redis.pcall('ZREM', KEYS[2], ARGV[n])
    redis.call('UNLINK', KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], KEYS[key + 4], KEYS[key + 5])
    removed = removed + 1
  end
end
return removed
