-- notify: an event is sent to one run: the first of its steps that waits for it gets it; else it is kept until the run asks.
-- KEYS  run        run:<id>
--       steps      steps:<id>
--       open       open:<id>
--       join       join:<id>
--       queue      queue:<queue> of the run
--       delayed
--       mail       mail:<id>
--       event      event:<name>
--       meta
--       seen       seen:<id>
--       expected
--       accepting  accepting:<worker>:<queue>, for a pushed item
--       expected_pushed  expected:pushed:<queue> of the inbox, for a pushed item
--       pushed_queues    pushed:queues
-- ARGV  id
--       name
--       value         as JSON
--       event_id      the event's own id, '' for none
--       text          of the claim, '' for a client
--       sender        who sends it
--       max_bytes     how many bytes a run's outcomes may take
--       max_messages  how many messages a run may have
--       queue         of the run, as far as the caller knows
--       max_waiting   how many bytes pushed events may have that wait for a run which does not exist
--       max_expected  for how many runs that do not exist pushed events of a queue may wait
--       inbox         the queue in whose inbox it was pushed, '' for a client
-- Reply {'received'}: a step had waited for it; {'kept'}; {'again'}: send it again, old entries were in the way; {'seen'}: an event with this id
--       was sent before; {'over', status}: the run has ended, or is ending, {'unknown'}: it has made no such callback, {'full'}: too much waits
--       there for the run to ask, {'half'} or {'large'}: as many pushed events as may, or as many bytes of them, {'crowded'}: they wait for too
--       many runs that do not exist, {'crowded', waiting, size, most}: for so many others that with it this one's would have too many bytes:
--       nothing was done, the claim stays; {'queue', queue}: the run has another queue than `queue`; {'stale'}
-- Only a function at rest gets it here. Another may no longer wait for it once it knows all that is recorded, so the script that finds it at
-- rest looks into the mailbox (apply_plan).
-- Guarantees: one script from the sender to the run's history or its mailbox; sent again with an id, it changes nothing. A run that does not
--       exist yet is noted in `expected`, or in `expected:pushed:<queue>` if all that it was sent was pushed. What is pushed is half as much at
--       most, and does not count among the others, so that it keeps no client's event and no answer to a callback out. An id that
--       was pushed is known among those alone. Refused as a whole at maxmemory.
local run_key, steps_key, open_key, join_key, queue_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local mail_key, event_key, meta_key, seen_key, expected_key, accepting_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local expected_pushed_key, pushed_queues_key = KEYS[13], KEYS[14]
local id, name, value, event_id, text, sender, max_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local max_messages, queue, max_waiting, max_expected, inbox = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local keys = {
  run = run_key, steps = steps_key, open = open_key, join = join_key, queue = queue_key, delayed = delayed_key, mail = mail_key,
  event = event_key, meta = meta_key,
}
local has_claim = text ~= ''
if has_claim and not prove_claim(accepting_key, text) then return { 'stale' } end
local run = read_run(run_key)
if run then
  local its_queue = redis.call('HGET', run_key, 'queue')
  if its_queue and its_queue ~= queue then return { 'queue', its_queue } end
end
redis.call('ZCARD', expected_key)
check_delivery(keys)
if event_id ~= '' and redis.call('ZSCORE', seen_key, seen_member(event_id, has_claim)) then
  if has_claim then drop_claim(accepting_key, text) end
  return { 'seen' }
end
-- A failed run may be resumed, and one that begins anew may ask. Of a run that is ending, what was decided counts.
local status = run and run.status == 'ending' and redis.call('HGET', run_key, 'ending') or run and run.status
if run and not is_live(run) and status ~= 'failed' and status ~= 'continued' then return { 'over', status } end
local is_answer = string.sub(name, 1, 9) == 'callback:'
if is_answer then
  -- A callback is in the mailbox from its making to its answer; of its answers the first counts.
  local last = redis.call('ZREVRANGEBYLEX', mail_key, '(' .. name .. '!', '[' .. name .. ' ', 'LIMIT', 0, 1)[1]
  local answers = redis.call('ZLEXCOUNT', mail_key, '[' .. name .. ' m ', '(' .. name .. ' m!')
  if not last then return { 'unknown' } end
  if answers > 0 then
    if has_claim then drop_claim(accepting_key, text) end
    return { 'seen' }
  end
end
local count = redis.call('ZCARD', mail_key)
-- Entries of steps that do not wait are dropped on the way, at most 100 of them.
local step, open
local obsolete = {}
if is_live(run) then
  for _, waiter in ipairs(redis.call('ZRANGEBYLEX', mail_key, '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 100)) do
    local generation, its_step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
    local its_open = generation == run.generation and read_open(redis.call('HGET', open_key, its_step))
    if waits_for(its_open, name) then
      step, open = its_step, its_open
      break
    end
    obsolete[#obsolete + 1] = waiter
  end
end
if not step and #obsolete == 100 then
  redis.call('ZREM', mail_key, unpack(obsolete))
  return { 'again' }
end
local is_at_rest = step and run.turn == '' and run.recorded == tonumber(run.delivered)
-- An answer is one that the run has asked for. What was pushed has a bound of its own, and takes no place of others'.
if not is_at_rest and not is_answer and count >= max_messages then
  local pushed = pushed_mail(mail_key)
  if count - (pushed > 0 and pushed + 1 or 0) >= max_messages then return { 'full' } end
end
local is_counted = has_claim and not is_answer and not is_at_rest
local size = 0
if is_counted then
  local messages, bytes = pushed_mail(mail_key)
  if messages >= max_messages / 2 then return { 'half' } end
  size = bytes + #name + #value
  local max_pushed = run and max_bytes / 2 or max_waiting
  if size > max_pushed and not (run and messages == 0) then return { 'large' } end
end
local list = expected_key
if not run and has_claim and not redis.call('ZSCORE', expected_key, id) then
  list = expected_pushed_key
  local is_listed = redis.call('ZSCORE', list, id)
  local crowd = find_crowd(redis.call('ZCARD', list) - (is_listed and 1 or 0), is_listed and math.huge or max_expected, size)
  if crowd then return crowd end
end

refuse_when_full(mail_key)
if has_claim then drop_claim(accepting_key, text) end
if #obsolete > 0 then redis.call('ZREM', mail_key, unpack(obsolete)) end
if event_id ~= '' then note_seen(seen_key, event_id, has_claim) end
if is_at_rest then
  deliver(run, id, queue, keys, step, open, name, value, sender, max_bytes)
  return { 'received' }
end
-- In the order of their arrival, also if the clock was set back.
local number = now_exactly()
local last = redis.call('ZREVRANGEBYLEX', mail_key, '(' .. name .. ' m!', '[' .. name .. ' m ', 'LIMIT', 0, 1)[1]
last = last and string.match(last, '^%S+ m (%d+) ')
if last and tonumber(last) >= tonumber(number) then number = string.format('%.0f', last + 1) end
local message = name .. ' m ' .. number .. (is_counted and ' p ' or ' ') .. value
redis.call('ZADD', mail_key, 0, message)
if is_counted then count_pushed_mail(mail_key, 1, #message) end
if step then note_mail(run, run_key, name) end
if not run then
  redis.call('ZADD', list, now(), id)
  if list == expected_pushed_key then redis.pcall('ZADD', pushed_queues_key, now(), inbox) end
end
return { 'kept' }
