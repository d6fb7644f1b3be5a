-- extend: whoever is asked to answer is still at it: a step that waits for an event waits longer.
-- KEYS  run      run:<id>
--       open     open:<id>
--       mail     mail:<id>
--       delayed
--       queue    queue:<queue> of the run
-- ARGV  id
--       name      of the event
--       duration  for how many ms from now on
-- Reply {'extended', time}: it waits until then, or longer already; {'nobody'}: no step waits for it with a timeout; {'queue', queue}: the run
--       has another queue than KEYS[5]
-- Guarantees: nothing is made shorter; sent again, it counts from then.
local run_key, open_key, mail_key, delayed_key, queue_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, name, duration = ARGV[1], ARGV[2], ARGV[3]
local run = read_run(run_key)
if not is_live(run) then return { 'nobody' } end
local queue = redis.call('HGET', run_key, 'queue')
if queue and queue ~= queue_name(queue_key) then return { 'queue', queue } end
redis.call('ZCARD', delayed_key)
for _, waiter in ipairs(redis.call('ZRANGEBYLEX', mail_key, '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 100)) do
  local generation, step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
  local open = generation == run.generation and read_open(redis.call('HGET', open_key, step))
  local wake = open and limit_of(open, 'wake')
  if wake then
    local till = math.max(wake, now() + duration + 1)
    open.limits = string.format(' wake=%.0f', till)
    redis.call('HSET', open_key, step, open_text(open, open.where))
    redis.call('ZADD', delayed_key, till, limit_entry(queue_key, id, run.generation, step))
    return { 'extended', string.format('%.0f', till) }
  end
end
return { 'nobody' }
