-- prune_index: takes entries out of the index of a label whose runs are gone or do not have it so.
-- KEYS  meta
--       label  label:<name>
--       runs...  run:<id> of each; at most 500
-- ARGV  name
--       entries...  of each run its id and its entry
-- Reply how many entries have left, or -1: there is no such index
local meta_key, label_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local name = ARGV[1]
local arg_list, entries_at = ARGV, 2
if not has_word(redis.call('HGET', meta_key, 'indexes') or '', name) then return -1 end
local left = 0
for n = entries_at, #arg_list, 2 do
  local v = redis.pcall('HMGET', key_list[runs_at + (n - entries_at) / 2], 'labels', 'created')
  if not v[1] or label_entry(read_labels(v[1]), name, v[2], arg_list[n]) ~= arg_list[n + 1] then
    left = left + redis.call('ZREM', label_key, arg_list[n + 1])
  end
end
return left
