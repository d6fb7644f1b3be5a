-- declare_dead: declares a worker dead: others do it, who saw its beat unchanged for a whole lease, or the worker itself, which gives its
-- name up. That is final: the worker must take a new name. Its score becomes the negative time of its death, so that the dead, however many,
-- are never in the way of the living. The score comes first: it is what a sweep goes by, so that a call which Redis refuses in its middle
-- leaves claims that are swept. One that is `dead` with another score is declared again.
-- KEYS  workers
--       worker   worker:<worker>
--       busy     busy:<worker>
-- ARGV  worker
--       beat     the beat that was seen, '' for any: the worker itself asks
--       queues?  of the worker itself: its queues, separated by spaces
-- Reply 1 if this call did it, 0 if the worker beat meanwhile or is dead already
-- Guarantees: whoever gives its own name up leaves the entry from which its claims are swept, also where Redis has lost it or never had it.
--       Others never make one.
local workers_key, worker_key, busy_key = KEYS[1], KEYS[2], KEYS[3]
local worker, beat, queues = ARGV[1], ARGV[2], ARGV[3]
local score = redis.call('ZSCORE', workers_key, worker)
local is_own = beat == '' and queues
if not is_own and (not score or (beat ~= '' and score ~= beat)) then return 0 end
local state = redis.call('HGET', worker_key, 'state')
if state == 'dead' and score and tonumber(score) <= 0 then return 0 end
redis.call('HDEL', worker_key, '-')
if is_own then
  redis.call('ZADD', workers_key, '-' .. now(), worker)
  redis.call('HSET', worker_key, 'state', 'dead', 'declaredDead', now(), 'queues', queues)
else
  redis.call('ZADD', workers_key, 'XX', '-' .. now(), worker)
  redis.call('HSET', worker_key, 'state', 'dead', 'declaredDead', now())
end
redis.pcall('UNLINK', busy_key)
return 1
