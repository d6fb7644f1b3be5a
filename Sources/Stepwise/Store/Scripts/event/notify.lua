-- notify: an event is sent to one run: the first of its steps that waits for it gets it; else it is kept until the run asks.
-- KEYS  1 to 9 as in deliver_event.lua  10 seen:<id>  11 expected  12 claimed:<worker>:<queue>, for a worker
-- ARGV  1 id  2 name  3 value as JSON  4 the event's own id, '' for none  5 text of the claim, '' for a client  6 who sends it
--       7 how many bytes a run's outcomes may take  8 how many messages a run may have
-- Reply {'received'}: a step had waited for it; {'kept'}; {'again'}: send it again, old entries were in the way; {'seen'}: an event with this id
--       was sent before; {'over', status}: the run has ended, {'unknown'}: it has made no such callback, or
--       {'full'}: nothing was done, the claim stays; {'queue', queue}: the run has
--       another queue than KEYS[5]; {'stale'}
-- Only a function at rest gets it here. Another may no longer wait for it once it knows all that is recorded, so the script that finds it at
-- rest looks into the mailbox (apply_plan).
-- Guarantees: one script from the sender to the run's history or its mailbox; sent again with an id, it changes nothing. A run that does not
--       exist yet is noted in `expected`.
local claimed = ARGV[5] ~= ''
if claimed and not redis.call('LPOS', KEYS[12], ARGV[5]) then return { 'stale' } end
local run, name = read_run(KEYS[1]), ARGV[2]
if run then
  local queue = redis.call('HGET', KEYS[1], 'queue')
  if queue and queue ~= string.match(KEYS[5], '}:queue:(.+)$') then return { 'queue', queue } end
end
redis.call('ZCARD', KEYS[11])
check_delivery()
if ARGV[4] ~= '' and redis.call('ZSCORE', KEYS[10], ARGV[4]) then
  if claimed then redis.call('LREM', KEYS[12], -1, ARGV[5]) end
  return { 'seen' }
end
-- A failed run may be resumed.
if run and not is_live(run) and run.status ~= 'failed' then return { 'over', run.status } end
if string.sub(name, 1, 9) == 'callback:' then
  -- A callback is in the mailbox from its making to its answer; of its answers the first counts.
  local last = redis.call('ZREVRANGEBYLEX', KEYS[7], '(' .. name .. '!', '[' .. name .. ' ', 'LIMIT', 0, 1)[1]
  local answers = redis.call('ZLEXCOUNT', KEYS[7], '[' .. name .. ' m ', '(' .. name .. ' m!')
  if not last then return { 'unknown' } end
  if answers > 0 then
    if claimed then redis.call('LREM', KEYS[12], -1, ARGV[5]) end
    return { 'seen' }
  end
end
local count = redis.call('ZCARD', KEYS[7])
-- Waiters that are none are dropped on the way, at most 100 of them.
local step, open
local obsolete = {}
if is_live(run) then
  for _, waiter in ipairs(redis.call('ZRANGEBYLEX', KEYS[7], '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 100)) do
    local generation, its_step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
    local its_open = generation == run.generation and read_open(redis.call('HGET', KEYS[3], its_step))
    if waits_for(its_open, name) then
      step, open = its_step, its_open
      break
    end
    obsolete[#obsolete + 1] = waiter
  end
end
if not step and #obsolete == 100 then
  redis.call('ZREM', KEYS[7], unpack(obsolete))
  return { 'again' }
end
local is_at_rest = step and run.turn == '' and run.recorded == tonumber(run.delivered)
if not is_at_rest and count >= tonumber(ARGV[8]) then return { 'full' } end

if claimed then redis.call('LREM', KEYS[12], -1, ARGV[5]) else redis.call('HDEL', KEYS[1], '-') end
if #obsolete > 0 then redis.call('ZREM', KEYS[7], unpack(obsolete)) end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[10], now(), ARGV[4])
  redis.call('ZREMRANGEBYRANK', KEYS[10], 0, -1001)
end
if is_at_rest then
  deliver(run, ARGV[1], step, open, name, ARGV[3], ARGV[6], ARGV[7])
  return { 'received' }
end
-- In the order of their arrival, also if the clock was set back.
local number = now_exactly()
local last = redis.call('ZREVRANGEBYLEX', KEYS[7], '(' .. name .. ' m!', '[' .. name .. ' m ', 'LIMIT', 0, 1)[1]
last = last and string.match(last, '^%S+ m (%d+) ')
if last and tonumber(last) >= tonumber(number) then number = string.format('%.0f', last + 1) end
redis.call('ZADD', KEYS[7], 0, name .. ' m ' .. number .. ' ' .. ARGV[3])
if step then note_mail(run, KEYS[1], name) end
if not run then redis.call('ZADD', KEYS[11], now(), ARGV[1]) end
return { 'kept' }
