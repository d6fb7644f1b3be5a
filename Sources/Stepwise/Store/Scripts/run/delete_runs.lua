-- delete_runs: removes ended runs. Never a live one.
-- KEYS  list     runs:<status>
--       dead
--       runs...  run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id> for each run; at most 100 runs
-- ARGV  status
--       ids...  of the runs
-- Reply how many runs were removed
local list_key, dead_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local status = ARGV[1]
local arg_list, ids_at = ARGV, 2
local removed = 0
for n = ids_at, #arg_list do
  local at = runs_at + (n - ids_at) * 6
  local its_status = redis.call('HGET', key_list[at], 'status')
  -- A run that is listed under a status which it does not have leaves that list only.
  redis.call('ZREM', list_key, arg_list[n])
  if its_status == status then
    redis.pcall('ZREM', dead_key, arg_list[n])
    redis.call('UNLINK', unpack(key_list, at, at + 5))
    removed = removed + 1
  end
end
return removed
