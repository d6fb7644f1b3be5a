-- schedule: a schedule goes from one state to the next: a tick's run is started, or the tick is skipped or missed; or somebody makes,
-- changes, pauses, resumes, triggers or removes the schedule. The caller has computed the next state from the one that it names.
-- KEYS  schedules
--       delayed
--       run        run:<id> of the run that is started, or any
--       queue      queue:<queue> of that run, or any
--       queued     runs:queued
--       meta?      with it come indexes of the run's labels
--       indexes...  label:<name> of each
-- ARGV  name
--       known        its JSON as the caller knows it, '' if there was none
--       json         its JSON from now on, '' to remove it
--       entry        the entry of `delayed` that is due and goes, '' for a change that is not a tick
--       other_entry  another entry that goes if it is there, or ''
--       next_entry   the entry that comes, or ''
--       next_time    when that one is due
--       id           of the run to start, or ''
--       workflow     its workflow
--       queue        its queue
--       payload      its payload
--       labels       its labels as JSON
--       timeout      within how many ms it has to be done, or ''
--       names...     of the labels that have these indexes
-- Reply {'done', 1 if the run is new, else 0}; {'changed'}: its JSON is another, nothing was changed; {'early'}: the entry is not due;
--       {'gone'}: the entry is not there
-- Guarantees: one change follows another, whoever makes them; a tick's entry, its run and what counts it change in one step. Sent again, it
--       changes nothing: the JSON is another, since each change changes it. Somebody's change is refused as a whole at maxmemory, unless it
--       pauses or removes the schedule; a tick is not.
local schedules_key, delayed_key, run_key, queue_key, queued_key, meta_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local key_list, indexes_at = KEYS, 7
local name, known, json, entry, other_entry, next_entry, next_time = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local id, workflow, queue, payload, labels, timeout = ARGV[8], ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13]
local arg_list, names_at = ARGV, 14
local stored = redis.call('HGET', schedules_key, name)
if (stored or '') ~= known then return { 'changed' } end
local score = entry ~= '' and redis.call('ZSCORE', delayed_key, entry)
if entry ~= '' then
  if not score then return { 'gone' } end
  if tonumber(score) > tonumber(now()) then return { 'early' } end
else
  redis.call('ZCARD', delayed_key)
end
local starts = id ~= '' and redis.call('HLEN', run_key) == 0
if starts then
  redis.call('LLEN', queue_key)
  redis.call('ZCARD', queued_key)
end
-- A tick that is due goes on: until it is dealt with, it stands before what else is due. So does what ends: no timer, or no schedule.
if entry == '' and (starts or json ~= '' and next_entry ~= '') then refuse_when_full(delayed_key) end
if entry ~= '' then redis.call('ZREM', delayed_key, entry) end
if other_entry ~= '' then redis.call('ZREM', delayed_key, other_entry) end
if json == '' then redis.call('HDEL', schedules_key, name) else redis.call('HSET', schedules_key, name, json) end
if next_entry ~= '' then redis.call('ZADD', delayed_key, next_time, next_entry) end
if not starts then return { 'done', 0 } end
local time, generation = now(), new_generation()
redis.call('HSET', run_key, 'workflow', workflow, 'queue', queue, 'payload', payload, 'status', 'queued', 'generation', generation,
  'turn', 'queue', 'created', time, 'labels', labels)
if timeout ~= '' then set_deadline(run_key, delayed_key, queue, id, generation, time, timeout) end
redis.call('LPUSH', queue_key, turn_text(id, generation))
redis.pcall('ZADD', queued_key, time, id)
if meta_key then enter_indexes(meta_key, { unpack(arg_list, names_at) }, { unpack(key_list, indexes_at) }, labels, time, id) end
return { 'done', 1 }
