-- enqueue: makes a run and queues its first turn, once for an id; or puts it into `delayed` until the run is to start.
-- KEYS  1 run:<id>  2 queue:<queue>  3 runs:queued  4 delayed  5 queue:<queue> of the run that waits for it, or any list
-- ARGV  1 id  2 workflow  3 queue  4 payload  5 labels as JSON or ''  6 the run that this one restarts, or ''
--       7 within how many ms it has to be done, or ''
--       8 the step that makes it: '<run> <generation> <step>', or ''  9 the queue of that run if it waits for the end, or ''
--       10 how many runs are above it  11 when it is to start: '+<ms>' from now, '<ms>' since 1970, or '' for at once
-- Reply {'new'}; {'exists', workflow, parent}: there is one already. A child that has ended, and whose parent asks for it again, tells it
--       again; if the parent was resumed meanwhile, it has a new parent
-- Guarantees: one id makes one run, however often this arrives. Refused as a whole at maxmemory.
-- Whether a parent is a later life of the same run than another.
local function is_newer(parent, other)
  local number, resumes = string.match(parent, '^%S+ (%d+)%.?(%d*)')
  local its_number, its_resumes = string.match(other, '^%S+ (%d+)%.?(%d*)')
  if number ~= its_number then return tonumber(number) > tonumber(its_number) end
  return (tonumber(resumes) or 0) > (tonumber(its_resumes) or 0)
end

local existing = redis.call('HMGET', KEYS[1], 'workflow', 'parent', 'status')
if existing[1] then
  local parent = existing[2] or ''
  local run, step = string.match(parent, '^(%S+) %S+ (.+)$')
  local its_run, its_step = string.match(ARGV[8], '^(%S+) %S+ (.+)$')
  if its_run and existing[1] == ARGV[2] and run == its_run and step == its_step then
    local ends = ENDED[existing[3]] and ARGV[9] ~= ''
    if ends then redis.call('LLEN', KEYS[5]) end
    if is_newer(ARGV[8], parent) then
      redis.call('HDEL', KEYS[1], '-')
      redis.call('HSET', KEYS[1], 'parent', ARGV[8])
      parent = ARGV[8]
    end
    if ends then redis.call('RPUSH', KEYS[5], ended_text(parent, ARGV[1])) end
  end
  return { 'exists', existing[1], parent }
end
if ARGV[7] ~= '' then redis.call('ZCARD', KEYS[4]) end
local time, starts = now(), start_time(ARGV[11])
-- First what can be refused, where memory is full or the key of another type.
if starts then
  redis.call('ZADD', KEYS[4], starts, start_entry(KEYS[2], ARGV[1], time))
else
  local text = turn_text(ARGV[1], time)
  -- What the function begins with goes along, if it is short and all that there is to know.
  if ARGV[8] == '' and #ARGV[4] <= 1024 then text = text .. ' ' .. ARGV[2] .. ' ' .. ARGV[4] end
  redis.call('LPUSH', KEYS[2], text)
end
redis.call('HSET', KEYS[1], 'workflow', ARGV[2], 'queue', ARGV[3], 'payload', ARGV[4], 'status', 'queued', 'generation', time,
  'turn', 'queue', 'created', time)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'labels', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'origin', ARGV[6]) end
if ARGV[8] ~= '' then
  redis.call('HSET', KEYS[1], 'parent', ARGV[8], 'depth', ARGV[10])
  if ARGV[9] ~= '' then redis.call('HSET', KEYS[1], 'parentQueue', ARGV[9]) end
end
if ARGV[7] ~= '' then set_deadline(KEYS[1], KEYS[4], KEYS[2], ARGV[1], time, ARGV[7]) end
if starts then redis.call('HSET', KEYS[1], 'startsAt', starts) end
redis.pcall('ZADD', KEYS[3], time, ARGV[1])
return { 'new' }
