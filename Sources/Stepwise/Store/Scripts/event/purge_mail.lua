-- purge_mail: removes messages to runs that were never made.
-- KEYS  expected        expected, or expected:pushed
--       expected_bytes  expected:bytes
--       runs...         run:<id>, mail:<id>, seen:<id> for each run; at most 100 runs
-- ARGV  is_pruned  '1': only entries of the list leave whose runs were made meanwhile
--       ids...     of the runs
-- Reply how many entries left the list
-- Guarantees: a run that is not in the list keeps its messages: it may be in the other one by now.
local expected_key, expected_bytes_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local is_pruned = ARGV[1] == '1'
local arg_list, ids_at = ARGV, 2
local left = 0
for n = ids_at, #arg_list do
  local at = runs_at + (n - ids_at) * 3
  local run_key, mail_key, seen_key = key_list[at], key_list[at + 1], key_list[at + 2]
  local waits = redis.call('EXISTS', run_key) == 0
  if not (waits and is_pruned) and redis.call('ZREM', expected_key, arg_list[n]) == 1 then
    redis.pcall('HDEL', expected_bytes_key, arg_list[n])
    if waits then redis.call('UNLINK', mail_key, seen_key) end
    left = left + 1
  end
end
return left
