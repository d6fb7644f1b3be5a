-- accept_pushed: turns a claimed pushed item (what other services LPUSH) into a run whose first turn the caller holds, or which starts later.
-- KEYS  run        run:<id>
--       accepting  accepting:<worker>:<queue>
--       claimed    claimed:<worker>:<queue>
--       running    runs:running
--       delayed
--       queued     runs:queued
--       redelivered
--       waiting_pushed?  waiting:pushed:<queue>
--       pushed_queues?   pushed:queues
--       meta?            with it come indexes of the run's labels
--       indexes...       label:<name> of each
-- ARGV  id
--       workflow
--       queue
--       payload
--       item      the pushed item
--       worker
--       token
--       labels    as JSON, or ''
--       timeout   within how many ms it has to be done, or ''
--       start     when it is to start: '+<ms>' from now, '<ms>' since 1970, or '' for at once
--       is_new    '1' if the id was made up for this item
--       max_waiting?  how many pushed runs of the queue may wait; with it, and with both keys, comes what starts later, and what the
--                   caller cannot do; else '' or nothing
--       names...      of the labels that have these indexes
-- Reply {'ok', generation}; {'later'}: its turn waits in `delayed`;
--       {'exists'}: the id has a run already, the item is dropped; {'other', workflow}: it
--       has one of another workflow, the item stays; {'crowded'}: as many wait as may, the item stays; {'crowded', waiting, size, most}: so
--       many wait that its payload is too large, the item stays; {'stale'}: the caller does not hold the item.
-- Guarantees: the item and the run change places in one step; sent again, it gives the same answer. Refused as a whole at maxmemory: the item
--       stays claimed.
local run_key, accepting_key, claimed_key, running_key, delayed_key, queued_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local redelivered_key, waiting_pushed_key, pushed_queues_key, meta_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local key_list, indexes_at = KEYS, 11
local id, workflow, queue, payload, item, worker, token, labels = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local timeout, start, is_new, max_waiting = ARGV[9], ARGV[10], ARGV[11] == '1', tonumber(ARGV[12])
local arg_list, names_at = ARGV, 13
local v = redis.call('HMGET', run_key, 'turn', 'generation', 'workflow')
local mine = holder_text(worker, 1, token)
-- Sent again: what is equal to the item, if anything, is another one.
if is_new and v[1] then return v[1] == mine and { 'ok', v[2] } or { 'stale' } end
if not prove_claim(accepting_key, item) then
  if v[1] == mine then return { 'ok', v[2] } end
  return { 'stale' }
end
redis.call('ZCARD', delayed_key)
redis.call('LLEN', claimed_key)
if v[3] and v[3] ~= workflow then return { 'other', v[3] } end
local crowd = max_waiting and not v[1] and find_crowd(redis.call('ZCARD', waiting_pushed_key), max_waiting, #payload)
if crowd then return crowd end
if not v[1] then refuse_when_full(delayed_key) end
drop_claim(accepting_key, item)
if redis.call('EXISTS', redelivered_key) == 1 then redis.pcall('HDEL', redelivered_key, redis.sha1hex(item)) end
if v[1] then return { 'exists' } end
local time, generation, starts = now(), new_generation(), start_time(start)
redis.call('HSET', run_key, 'workflow', workflow, 'queue', queue, 'payload', payload, 'generation', generation, 'created', time,
  'status', starts and 'queued' or 'running', 'turn', starts and 'queue' or mine, 'turns', starts and 0 or 1,
  'pushed', 1, starts and 'startsAt' or 'began', starts or time)
if labels ~= '' then redis.call('HSET', run_key, 'labels', labels) end
if timeout ~= '' then set_deadline(run_key, delayed_key, queue, id, generation, time, timeout) end
if meta_key then enter_indexes(meta_key, { unpack(arg_list, names_at) }, { unpack(key_list, indexes_at) }, labels, time, id) end
if starts then
  redis.call('ZADD', delayed_key, starts, start_entry(queue, id, generation))
  redis.pcall('ZADD', queued_key, time, id)
  list_pushed(id, { run = run_key, pushed = waiting_pushed_key, queues = pushed_queues_key }, queue, starts)
  return { 'later' }
end
redis.call('LPUSH', claimed_key, turn_text(id, generation))
redis.pcall('ZADD', running_key, time, id)
return { 'ok', generation }
