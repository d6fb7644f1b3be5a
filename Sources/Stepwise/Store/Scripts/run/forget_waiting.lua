-- forget_waiting: removes pushed runs that wait and of which nothing was ever recorded. No other run.
-- KEYS  waiting   waiting:pushed
--       parked    runs:parked
--       unserved  runs:unserved
--       delayed
--       runs...   run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id>, unserved:<workflow>, unfit:<workflow> for each run; at
--                 most 100 runs
-- ARGV  is_pruned  '1': only entries of `waiting` leave whose runs have begun, or are gone
--       ids...     of the runs
-- Reply how many entries left `waiting`; unless it is pruned all of them
local waiting_key, parked_key, unserved_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key_list, runs_at = KEYS, 5
local is_pruned = ARGV[1] == '1'
local arg_list, ids_at = ARGV, 2
local left = 0
for n = ids_at, #arg_list do
  local id, at = arg_list[n], runs_at + (n - ids_at) * 8
  local run, more = read_run(key_list[at], { 'created', 'pushed', 'queue' })
  local waits = run and more[2] and is_waiting(run, more[1])
  if not (waits and is_pruned) then
    redis.call('ZREM', waiting_key, id)
    left = left + 1
  end
  if waits and not is_pruned then
    redis.call('UNLINK', unpack(key_list, at, at + 5))
    redis.pcall('ZREM', parked_key, id)
    redis.pcall('ZREM', unserved_key, id)
    -- The oldest is at the right end; of those that are parked none is there.
    if run.turn == 'unserved' then redis.pcall('LREM', key_list[at + 6], -1, turn_text(id, run.generation)) end
    redis.pcall('HDEL', key_list[at + 7], id)
    drop_limits(delayed_key, { limit_entry(more[3] or '', id, run.generation, '') })
  end
end
return left
