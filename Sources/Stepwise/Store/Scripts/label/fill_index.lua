-- fill_index: writes runs that are there into the index of a label, those of them that have it.
-- KEYS  meta
--       label  label:<name>
--       runs...  run:<id> of each; at most 500
-- ARGV  name
--       ids...  of the runs
-- Reply how many of them have the label, or -1: there is no such index
-- Guarantees: sent again it changes nothing more. Refused at maxmemory.
local meta_key, label_key = KEYS[1], KEYS[2]
local key_list, runs_at = KEYS, 3
local name = ARGV[1]
local arg_list, ids_at = ARGV, 2
if not has_word(redis.call('HGET', meta_key, 'indexes') or '', name) then return -1 end
local entries = {}
for n = ids_at, #arg_list do
  -- A key of another type is no run.
  local v = redis.pcall('HMGET', key_list[runs_at + n - ids_at], 'labels', 'created')
  local entry = v[1] and label_entry(read_labels(v[1]), name, v[2], arg_list[n])
  if entry then entries[#entries + 1] = entry end
end
for _, entry in ipairs(entries) do redis.call('ZADD', label_key, 0, entry) end
return #entries
