-- set_deadline: notes until when a run has to be done, as its workflow's code says.
-- KEYS  run      run:<id>
--       delayed
-- ARGV  generation
--       timeout     how long after its creation, or after it was to start, in ms
--       entry       of `delayed`
-- Reply 1 if it was noted, 0 if there is a limit already or the run has ended
-- Guarantees: sent again, it changes nothing.
local run_key, delayed_key = KEYS[1], KEYS[2]
local generation, timeout, entry = ARGV[1], ARGV[2], ARGV[3]
local run = read_run(run_key)
if not is_live(run) or run.generation ~= generation or run.deadline ~= '' then return 0 end
redis.call('ZCARD', delayed_key)
local from = redis.call('HMGET', run_key, 'created', 'startsAt')
local deadline = string.format('%.0f', math.max(tonumber(from[1]), tonumber(from[2]) or 0) + timeout)
redis.call('HDEL', run_key, '-')
redis.call('HSET', run_key, 'deadline', deadline)
redis.call('ZADD', delayed_key, deadline, entry)
return 1
