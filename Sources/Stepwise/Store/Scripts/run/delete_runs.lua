-- delete_runs: removes ended runs. Never a live one.
-- KEYS  list     runs:<status>
--       dead
--       runs...  run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id> for each run; at most 100 runs. Then
--                label:<name> of each label that has an index
-- ARGV  status
--       indexes   how many labels have one
--       known...  the names of these; then of each run its id and, if a run waits for its end and has read it, the step that made it, else ''
-- Reply how many runs were removed; then of each that stays, because a run waits for its end that the caller does not know: its id, and the step
--       that made it
local list_key, dead_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local status, indexes = ARGV[1], tonumber(ARGV[2])
local arg_list, known_at = ARGV, 3
local first = known_at + indexes
local names, index_keys = { unpack(arg_list, known_at, first - 1) }, { unpack(key_list, #key_list - indexes + 1) }
-- Of a namespace without indexes nobody needs them.
local fields = indexes > 0 and { 'labels', 'created' } or {}
local answer = { 0 }
for n = first, #arg_list, 2 do
  local at, id = runs_at + (n - first) * 3, arg_list[n]
  local v = redis.call('HMGET', key_list[at], 'status', 'parentQueue', 'parent', unpack(fields))
  -- A run that is listed under a status which it does not have leaves that list only.
  if v[1] ~= status then
    redis.call('ZREM', list_key, id)
  elseif v[2] and v[3] and v[3] ~= arg_list[n + 1] then
    answer[#answer + 1], answer[#answer + 2] = id, v[3]
  else
    redis.call('ZREM', list_key, id)
    redis.pcall('ZREM', dead_key, id)
    if v[4] then leave_indexes(names, index_keys, v[4], v[5], id) end
    redis.call('UNLINK', unpack(key_list, at, at + 5))
    answer[1] = answer[1] + 1
  end
end
return answer
