-- declare_dead: declares a worker dead: others do it, who saw its beat unchanged for a whole lease, or the worker itself, which gives its
-- name up. That is final: the worker must take a new name. Its score becomes the negative time of its death, so that the dead, however many,
-- are never in the way of the living.
-- KEYS  workers
--       worker   worker:<worker>
-- ARGV  worker
--       beat     the beat that was seen, '' for any: the worker itself asks
--       queues?  of the worker itself: its queues, separated by spaces
-- Reply 1 if this call did it, 0 if the worker beat meanwhile or is dead already
-- Guarantees: whoever gives its own name up leaves the entry from which its claims are swept, also where Redis has lost it or never had it.
--       Others never make one.
local workers_key, worker_key = KEYS[1], KEYS[2]
local worker, beat, queues = ARGV[1], ARGV[2], ARGV[3]
local score = redis.call('ZSCORE', workers_key, worker)
local is_own = beat == '' and queues
if not is_own and (not score or (beat ~= '' and score ~= beat)) then return 0 end
local state = redis.call('HGET', worker_key, 'state')
if state == 'dead' and (score or not is_own) then return 0 end
redis.call('HDEL', worker_key, '-')
redis.call('HSET', worker_key, 'state', 'dead', 'declaredDead', now())
if is_own then
  redis.call('HSET', worker_key, 'queues', queues)
  redis.call('ZADD', workers_key, '-' .. now(), worker)
else
  redis.call('ZADD', workers_key, 'XX', '-' .. now(), worker)
end
return 1
