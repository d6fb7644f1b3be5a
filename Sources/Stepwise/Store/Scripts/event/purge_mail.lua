-- purge_mail: removes messages to runs that were never made, after an age.
-- KEYS  expected
--       runs...   run:<id>, mail:<id>, seen:<id> for each run; at most 100 runs
-- ARGV  ids...  of the runs
-- Reply how many mailboxes were removed
local expected_key = KEYS[1]
local key_list, runs_at = KEYS, 2
local arg_list, ids_at = ARGV, 1
local removed = 0
for n = ids_at, #arg_list do
  local at = runs_at + (n - ids_at) * 3
  local run_key, mail_key, seen_key = key_list[at], key_list[at + 1], key_list[at + 2]
  redis.call('ZREM', expected_key, arg_list[n])
  if redis.call('EXISTS', run_key) == 0 then
    redis.call('UNLINK', mail_key, seen_key)
    removed = removed + 1
  end
end
return removed
