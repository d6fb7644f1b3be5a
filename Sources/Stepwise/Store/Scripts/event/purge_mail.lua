-- purge_mail: removes messages to runs that were never made, and entries of a list whose runs were made meanwhile.
-- KEYS  expected
--       list      expected, or expected:pushed:<queue>
--       runs...   run:<id>, mail:<id>, seen:<id> for each run; at most 100 runs
-- ARGV  age     how many ms ago the last message has to be sent, '' for no age: then only entries leave whose runs were made
--       ids...  of the runs
-- Reply how many entries left the list
-- Guarantees: a run that is not in the list keeps its messages; so does one that a client has sent some, unless the list is `expected`, and one
--       that was pushed some since: it stands in the list of another queue.
local expected_key, list_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local age = tonumber(ARGV[1])
local arg_list, ids_at = ARGV, 2
local left = 0
for n = ids_at, #arg_list do
  local id, at = arg_list[n], runs_at + (n - ids_at) * 3
  local run_key, mail_key, seen_key = key_list[at], key_list[at + 1], key_list[at + 2]
  local since = tonumber(redis.call('ZSCORE', list_key, id))
  local waits = redis.call('EXISTS', run_key) == 0
  if since and (not waits or age and since <= now() - age) then
    redis.call('ZREM', list_key, id)
    local has_newer = waits and age and select(4, pushed_mail(mail_key)) > now() - age
    if waits and not has_newer and not redis.call('ZSCORE', expected_key, id) then redis.call('UNLINK', mail_key, seen_key) end
    left = left + 1
  end
end
return left
