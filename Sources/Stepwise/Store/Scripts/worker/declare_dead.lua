-- declare_dead: declares a worker dead whose beat was seen unchanged for a whole lease. Final: it must take a new name. Its score becomes
-- the negative time of its death, so that the dead, however many, are never in the way of the living.
-- KEYS  workers
--       worker   worker:<worker>
-- ARGV  worker
--       beat    the beat that was seen, '' for any: the worker itself asks
-- Reply 1 if this call did it, 0 if the worker beat meanwhile or is dead already
local workers_key, worker_key = KEYS[1], KEYS[2]
local worker, beat = ARGV[1], ARGV[2]
local score = redis.call('ZSCORE', workers_key, worker)
if not score or (beat ~= '' and score ~= beat) then return 0 end
local state = redis.call('HGET', worker_key, 'state')
if state == 'dead' then return 0 end
redis.call('HDEL', worker_key, '-')
redis.call('HSET', worker_key, 'state', 'dead', 'declaredDead', now())
redis.call('ZADD', workers_key, 'XX', '-' .. now(), worker)
return 1
