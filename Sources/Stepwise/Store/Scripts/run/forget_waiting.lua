-- forget_waiting: removes pushed runs that have waited too long and have never opened a step, and entries of runs that no longer wait. It
-- removes no other run, and none that is paused, or whose queue or workflow is: the age of such a run begins anew. One that failed while it
-- waited, because its time was up, keeps its entry and leaves by the same age: else these would be the ones that nothing bounds.
-- KEYS  waiting   waiting:pushed:<queue>
--       parked    runs:parked
--       unserved  runs:unserved
--       queued    runs:queued
--       delayed
--       paused
--       failed    runs:failed
--       dead
--       runs...   run:<id>, steps:<id>, open:<id>, join:<id>, mail:<id>, seen:<id>, unserved:<queue>:<workflow>, unfit:<workflow> for each run; at
--                 most 100 runs. Then label:<name> of each label that has an index
-- ARGV  queue
--       age     for how many ms a run has to have waited, '' for no age: then none is removed
--       indexes  how many labels have one
--       ids...  the names of these; then those of the runs
-- Reply how many of the runs stay at their place in `waiting`. What comes after them, and is not looked at because one call compares no more of
--       unserved:<queue>:<workflow>, is for the next one
local waiting_key, parked_key, unserved_key, queued_key, delayed_key, paused_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local failed_key, dead_key = KEYS[7], KEYS[8]
local key_list, runs_at = KEYS, 9
local queue, age, indexes = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local arg_list, ids_at = ARGV, 4
local first = ids_at + indexes
local names, index_keys = { unpack(arg_list, ids_at, first - 1) }, { unpack(key_list, #key_list - indexes + 1) }
local stay, compared = 0, 0

local function is_paused(name)
  return redis.call('HEXISTS', paused_key, name) == 1
end

-- Whether a run's time limit ended it. One whose function threw has begun.
local function is_time_up(err)
  return string.sub(err or '', 1, 20) == '{"type":"RunTimeout"'
end

local function remove(id, run, at, labels, created)
  redis.call('UNLINK', unpack(key_list, at, at + 5))
  if labels then leave_indexes(names, index_keys, labels, created, id) end
  redis.pcall('ZREM', parked_key, id)
  redis.pcall('ZREM', unserved_key, id)
  redis.pcall('ZREM', queued_key, id)
  redis.pcall('ZREM', failed_key, id)
  redis.pcall('ZREM', dead_key, id)
  -- The oldest is at the right end; of those that are parked none is there.
  if run.turn == 'unserved' then compared = compared + drop_unserved(key_list[at + 6], turn_text(id, run.generation), -1) end
  redis.pcall('HDEL', key_list[at + 7], id)
  drop_limits(delayed_key, { start_entry(queue, id, run.generation), limit_entry(queue, id, run.generation, '') })
end

local is_queue_paused = is_paused('queue:' .. queue)
for n = first, #arg_list do
  if compared >= MOST_COMPARED then break end
  local id, at = arg_list[n], runs_at + (n - first) * 8
  local run, more = read_run(key_list[at], { 'created', 'pushed', 'workflow', 'startsAt', 'error', 'labels' })
  local is_to_start = run and run.status == 'queued' and run.turn == 'queue' and is_untouched(run, more[1])
  -- Once it is resumed it waits again, and nobody would list it.
  local is_put_aside = run and run.status == 'paused' and is_untouched(run, more[1])
  local has_failed = run and run.status == 'failed' and is_untouched(run, more[1]) and is_time_up(more[5])
  local waits = run and more[2] and (is_to_start or is_put_aside or has_failed or is_waiting(run, more[1]))
  local since = age and waits and tonumber(redis.call('ZSCORE', waiting_key, id))
  local is_old = since and math.max(since, tonumber(more[4]) or 0) <= now() - age
  if is_old and not has_failed and (is_put_aside or is_queue_paused or is_paused('workflow:' .. (more[3] or ''))) then
    redis.call('ZADD', waiting_key, now(), id)
  elseif is_old or not waits then
    redis.call('ZREM', waiting_key, id)
    if is_old then remove(id, run, at, more[6], more[1]) end
  else
    stay = stay + 1
  end
end
return stay
