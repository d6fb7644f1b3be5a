-- set_deadline: notes until when a run has to be done, as its workflow's code says.
-- KEYS  1 run:<id>  2 delayed
-- ARGV  1 generation  2 how long after its creation, or after it was to start, in ms  3 the entry of `delayed`
-- Reply 1 if it was noted, 0 if there is a limit already or the run has ended
-- Guarantees: sent again, it changes nothing.
local run = read_run(KEYS[1])
if not is_live(run) or run.generation ~= ARGV[1] or run.deadline ~= '' then return 0 end
redis.call('ZCARD', KEYS[2])
local from = redis.call('HMGET', KEYS[1], 'created', 'startsAt')
local deadline = string.format('%.0f', math.max(tonumber(from[1]), tonumber(from[2]) or 0) + ARGV[2])
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'deadline', deadline)
redis.call('ZADD', KEYS[2], deadline, ARGV[3])
return 1
