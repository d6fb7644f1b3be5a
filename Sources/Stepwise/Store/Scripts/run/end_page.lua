-- end_page: ends a page of an ending run's open steps, with what they leave outside the run. Once nothing is open, the end becomes visible and
-- the run that waits for it is told, or the next generation begins.
-- KEYS  run           run:<id>
--       open          open:<id>
--       claimed       claimed:<worker>:<queue>
--       queue         queue:<queue>
--       delayed
--       mail          mail:<id>
--       steps         steps:<id>
--       join          join:<id>
--       parent_queue  queue:<queue> of the run that waits for it, or any list
--       ending        runs:ending
--       completed     runs:completed
--       failed        runs:failed
--       cancelled     runs:cancelled
--       running       runs:running
--       dead
--       events...     event:<name> of the steps that wait for one
-- ARGV  id
--       generation
--       text      of the claim
--       queue
--       steps...  at most 1,000, then for each: which of KEYS is event:<name> of the event that it waits for, '' for none
-- Reply {'more'}: steps are left, another page; {'ended', status}; {'continued', generation}: the next one has begun; {'obsolete'}: the run
--       is not ending, or its generation is another, the claim is gone; {'stale'}: the claim is not the caller's
-- Guarantees: a page names its steps, and ends those that are still open. Sent again, late, or by two movers, it changes nothing more. The run
--       is ending for as long as open:<id> has a field, whatever pages there were.
local run_key, open_key, claimed_key, queue_key, delayed_key, mail_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local steps_key, join_key, parent_queue_key, ending_key, completed_key, failed_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local cancelled_key, running_key, dead_key = KEYS[13], KEYS[14], KEYS[15]
local key_list, events_at = KEYS, 16
local id, generation, text, queue = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local arg_list, steps_at = ARGV, 5
if not prove_claim(claimed_key, text) then return { 'stale' } end
local run, more = read_run(run_key, { 'ending', 'next' })
if not run or run.generation ~= generation or run.status ~= 'ending' then
  drop_claim(claimed_key, text)
  return { 'obsolete' }
end
local decided = more[1]
if not ENDED[decided] and decided ~= 'continued' then
  return redis.error_reply('ERR run ' .. id .. ' is ending, and does not say how: the doctor says what to write')
end
local steps, events, opened = {}, {}, {}
for n = steps_at, #arg_list, 2 do
  steps[#steps + 1] = arg_list[n]
  events[#events + 1] = key_list[tonumber(arg_list[n + 1])] or false
end
if #steps > 0 then opened = redis.call('HMGET', open_key, unpack(steps)) end
redis.call('LLEN', queue_key)
redis.call('ZCARD', delayed_key)
redis.call('ZCARD', mail_key)
redis.call('HLEN', steps_key)
check_parent(run, parent_queue_key)
for n = events_at, #key_list do redis.call('ZCARD', key_list[n]) end

-- By the key they are in: what the steps have there.
local limits, waiters, listed, texts, seen = {}, {}, {}, {}, {}
for n, step in ipairs(steps) do
  local open = not seen[step] and read_open(opened[n])
  seen[step] = true
  if open then
    if open.limits ~= '' then limits[#limits + 1] = limit_entry(queue, id, generation, step) end
    texts[#texts + 1] = cancel_text(id, generation, step, open)
    local number, name = string.match(open.where, '^event:(%d+):(.+)$')
    if number and events[n] then
      waiters[#waiters + 1] = mail_waiter(name, generation, tonumber(number), step)
      listed[events[n]] = listed[events[n]] or {}
      table.insert(listed[events[n]], event_waiter(queue, id, generation, step))
    elseif number then
      texts[#texts + 1] = withdraw_text(id, generation, step, open.where)
    end
  end
end
if #steps > 0 then redis.call('HDEL', open_key, unpack(steps)) else redis.call('HDEL', open_key, '-') end
drop_limits(delayed_key, limits)
call_in_bites('ZREM', mail_key, waiters)
for key, entries in pairs(listed) do call_in_bites('ZREM', key, entries) end
-- At the left end, like new runs: one run's end does not stand before everybody's work.
call_in_bites('LPUSH', queue_key, texts)
if redis.call('HLEN', open_key) > 0 then return { 'more' } end

drop_claim(claimed_key, text)
if decided == 'continued' then
  local keys = { run = run_key, steps = steps_key, open = open_key, join = join_key, queue = queue_key, delayed = delayed_key }
  local next_generation = begin_anew(run, id, queue, keys, more[2] or 'null')
  move_status({ ending = ending_key, running = running_key }, id, 'ending', 'running')
  return { 'continued', next_generation }
end
local time = now()
redis.call('HDEL', run_key, 'ending')
redis.call('HSET', run_key, 'status', decided, 'ended', time)
local keys = { completed = completed_key, failed = failed_key, cancelled = cancelled_key }
redis.pcall('ZREM', ending_key, id)
redis.pcall('ZADD', keys[decided], time, id)
if decided == 'failed' then redis.pcall('ZADD', dead_key, time, id) end
if run.deadline ~= '' then drop_limits(delayed_key, { limit_entry(queue, id, generation, '') }) end
announce_end(run, id, run_key, parent_queue_key)
return { 'ended', decided }
