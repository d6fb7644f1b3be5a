-- enqueue: makes a run and queues its first turn, once for an id; or puts it into `delayed` until the run is to start.
-- KEYS  run           run:<id>
--       queue         queue:<queue>
--       queued        runs:queued
--       delayed
--       parent_queue  queue:<queue> of the run that waits for it, or any list
--       meta?         with it come indexes of the run's labels
--       indexes...    label:<name> of each
-- ARGV  id
--       workflow
--       queue
--       payload
--       labels        as JSON, or ''
--       origin        the run that this one restarts, or ''
--       timeout       within how many ms it has to be done, or ''
--       parent        the step that makes it: '<run> <generation> <step>', or ''
--       parent_queue  the queue of that run if it waits for the end, or ''
--       depth         how many runs are above it
--       start         when it is to start: '+<ms>' from now, '<ms>' since 1970, or '' for at once
--       names...      of the labels that have these indexes
-- Reply {'new'}; {'exists', workflow, parent}: there is one already. A child that has ended, and whose parent asks for it again, tells it
--       again; if the parent was resumed meanwhile, it has a new parent. If it is of another generation than the caller's of its parent, which
--       would wait for it, nothing is changed: the parent in the reply is not the caller's
-- Guarantees: one id makes one run, however often this arrives. Refused as a whole at maxmemory.
local run_key, queue_key, queued_key, delayed_key, parent_queue_key, meta_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local key_list, indexes_at = KEYS, 7
local id, workflow, queue, payload, labels, origin, timeout, parent = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local parent_queue, depth, start = ARGV[9], ARGV[10], ARGV[11]
local arg_list, names_at = ARGV, 12

-- Whether a parent is a later life of the same run than another.
local function is_newer(one, other)
  local its_number, its_resumes = string.match(one, '^%S+ (%d+)%.?(%d*)')
  local other_number, other_resumes = string.match(other, '^%S+ (%d+)%.?(%d*)')
  if its_number ~= other_number then return tonumber(its_number) > tonumber(other_number) end
  return (tonumber(its_resumes) or 0) > (tonumber(other_resumes) or 0)
end

-- Whether a child is one of another life of its parent than the one that asks. `continueAsNew` raises a number by 1,000 at least, whatever the
-- clock says; a resume raises it by one, and the child counts as before. A number that is lower is of a run that has its id anew, by a clock that
-- went back.
local function is_of_earlier_generation(one, other)
  local number, its_number = tonumber(string.match(one, '^%S+ (%d+)')), tonumber(string.match(other, '^%S+ (%d+)'))
  return number < its_number or number >= its_number + 1000
end

local existing = redis.call('HMGET', run_key, 'workflow', 'parent', 'status')
if existing[1] then
  local its_parent = existing[2] or ''
  local run, step = string.match(parent, '^(%S+) %S+ (.+)$')
  local its_run, its_step = string.match(its_parent, '^(%S+) %S+ (.+)$')
  if run and existing[1] == workflow and run == its_run and step == its_step
    and not (parent_queue ~= '' and is_of_earlier_generation(parent, its_parent)) then
    local ends = ENDED[existing[3]] and parent_queue ~= ''
    if ends then redis.call('LLEN', parent_queue_key) end
    if is_newer(parent, its_parent) then
      redis.call('HDEL', run_key, '-')
      redis.call('HSET', run_key, 'parent', parent)
      its_parent = parent
    end
    if ends then redis.call('RPUSH', parent_queue_key, ended_text(its_parent, id)) end
  end
  return { 'exists', existing[1], its_parent }
end
if timeout ~= '' then redis.call('ZCARD', delayed_key) end
local time, generation, starts = now(), new_generation(), start_time(start)
-- First what can be refused, where memory is full or the key of another type.
if starts then
  redis.call('ZADD', delayed_key, starts, start_entry(queue, id, generation))
else
  local text = turn_text(id, generation)
  -- What the function begins with goes along, if it is short and all that there is to know.
  if parent == '' and #payload <= 1024 then text = text .. ' ' .. workflow .. ' ' .. payload end
  redis.call('LPUSH', queue_key, text)
end
redis.call('HSET', run_key, 'workflow', workflow, 'queue', queue, 'payload', payload, 'status', 'queued', 'generation', generation,
  'turn', 'queue', 'created', time)
if labels ~= '' then redis.call('HSET', run_key, 'labels', labels) end
if origin ~= '' then redis.call('HSET', run_key, 'origin', origin) end
if parent ~= '' then
  redis.call('HSET', run_key, 'parent', parent, 'depth', depth)
  if parent_queue ~= '' then redis.call('HSET', run_key, 'parentQueue', parent_queue) end
end
if timeout ~= '' then set_deadline(run_key, delayed_key, queue, id, generation, time, timeout) end
if starts then redis.call('HSET', run_key, 'startsAt', starts) end
redis.pcall('ZADD', queued_key, time, id)
if meta_key then enter_indexes(meta_key, { unpack(arg_list, names_at) }, { unpack(key_list, indexes_at) }, labels, time, id) end
return { 'new' }
