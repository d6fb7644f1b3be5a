-- extend: whoever is asked to answer is still at it: a step that waits for an event waits longer.
-- KEYS  1 run:<id>  2 open:<id>  3 mail:<id>  4 delayed  5 queue:<queue> of the run
-- ARGV  1 id  2 name of the event  3 for how many ms from now on
-- Reply {'extended', time}: it waits until then, or longer already; {'nobody'}: no step waits for it with a timeout; {'queue', queue}: the run
--       has another queue than KEYS[5]
-- Guarantees: nothing is made shorter; sent again, it counts from then.
local run, name = read_run(KEYS[1]), ARGV[2]
if not is_live(run) then return { 'nobody' } end
local queue = redis.call('HGET', KEYS[1], 'queue')
if queue and queue ~= string.match(KEYS[5], '}:queue:(.+)$') then return { 'queue', queue } end
redis.call('ZCARD', KEYS[4])
for _, waiter in ipairs(redis.call('ZRANGEBYLEX', KEYS[3], '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 100)) do
  local generation, step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
  local open = generation == run.generation and read_open(redis.call('HGET', KEYS[2], step))
  local wake = open and limit_of(open, 'wake')
  if wake then
    local till = math.max(wake, now() + ARGV[3] + 1)
    open.limits = string.format(' wake=%.0f', till)
    redis.call('HSET', KEYS[2], step, open_text(open, open.where))
    redis.call('ZADD', KEYS[4], till, limit_entry(KEYS[5], ARGV[1], run.generation, step))
    return { 'extended', string.format('%.0f', till) }
  end
end
return { 'nobody' }
