-- delete_runs: removes ended runs. Never a live one.
-- KEYS  list     runs:<status>
--       dead
--       runs...  run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id> for each run; at most 100 runs
-- ARGV  status
--       known...  of each run its id and, if a run waits for its end and has read it, the step that made it, else ''
-- Reply how many runs were removed; then of each that stays, because a run waits for its end that the caller does not know: its id, and the step
--       that made it
local list_key, dead_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local status = ARGV[1]
local arg_list, known_at = ARGV, 2
local answer = { 0 }
for n = known_at, #arg_list, 2 do
  local at, id = runs_at + (n - known_at) * 3, arg_list[n]
  local v = redis.call('HMGET', key_list[at], 'status', 'parentQueue', 'parent')
  -- A run that is listed under a status which it does not have leaves that list only.
  if v[1] ~= status then
    redis.call('ZREM', list_key, id)
  elseif v[2] and v[3] and v[3] ~= arg_list[n + 1] then
    answer[#answer + 1], answer[#answer + 2] = id, v[3]
  else
    redis.call('ZREM', list_key, id)
    redis.pcall('ZREM', dead_key, id)
    redis.call('UNLINK', unpack(key_list, at, at + 5))
    answer[1] = answer[1] + 1
  end
end
return answer
