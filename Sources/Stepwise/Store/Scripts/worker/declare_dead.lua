-- declare_dead: declares a worker dead whose beat was seen unchanged for a whole lease. Final: it must take a new name. Its score becomes
-- the negative time of its death, so that the dead, however many, are never in the way of the living.
-- KEYS  1 workers  2 worker:<worker>
-- ARGV  1 worker  2 the beat that was seen ('' : whatever it is, by the worker itself)
-- Reply 1 if this call did it, 0 if the worker beat meanwhile or is dead already
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or (ARGV[2] ~= '' and score ~= ARGV[2]) then return 0 end
local state = redis.call('HGET', KEYS[2], 'state')
if state == 'dead' then return 0 end
redis.call('HDEL', KEYS[2], '-')
redis.call('HSET', KEYS[2], 'state', 'dead', 'declaredDead', now())
redis.call('ZADD', KEYS[1], 'XX', '-' .. now(), ARGV[1])
return 1
