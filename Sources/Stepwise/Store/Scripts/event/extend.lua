-- extend: whoever is asked to answer is still at it: a step that waits for an event waits longer.
-- KEYS  run      run:<id>
--       open     open:<id>
--       mail     mail:<id>
--       delayed
-- ARGV  id
--       name      of the event
--       duration  for how many ms from now on
-- Reply {'extended', time}: it waits until then, or longer already; {'nobody'}: no step waits for it with a timeout
-- Guarantees: nothing is made shorter; sent again, it counts from then.
local run_key, open_key, mail_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, name, duration = ARGV[1], ARGV[2], ARGV[3]
local run, about = read_run(run_key, { 'queue' })
if not is_live(run) then return { 'nobody' } end
redis.call('ZCARD', delayed_key)
for _, waiter in ipairs(redis.call('ZRANGEBYLEX', mail_key, '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 100)) do
  local generation, step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
  local open = generation == run.generation and read_open(redis.call('HGET', open_key, step))
  local wake = open and limit_of(open, 'wake')
  if wake then
    local till = math.max(wake, now() + duration + 1)
    open.limits = string.format(' wake=%.0f', till)
    redis.call('HSET', open_key, step, open_text(open, open.where))
    redis.call('ZADD', delayed_key, till, limit_entry(about[1] or 'default', id, run.generation, step))
    return { 'extended', string.format('%.0f', till) }
  end
end
return { 'nobody' }
