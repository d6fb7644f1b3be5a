-- pause: nothing new of a run begins until it is resumed. Bodies that run end and are recorded.
-- KEYS  1 run:<id>  2 runs:queued  3 runs:running  4 runs:unserved  5 runs:paused
-- ARGV  1 id  2 reason
-- Reply {'paused'}; {'already'}; {'parked'}: it waits for other code or a person, nothing was changed; {'over', status}; {'missing'}
-- Guarantees: where its work items and its turn are stays as it is; who claims one, or holds the turn, puts it aside. Sent again, it changes
--       nothing.
local run = read_run(KEYS[1])
if not run then return { 'missing' } end
if not is_live(run) then return { 'over', run.status } end
if run.status == 'paused' then return { 'already' } end
if run.status == 'parked' then return { 'parked' } end
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'status', 'paused', 'reason', ARGV[2])
redis.pcall('ZREM', KEYS[({ queued = 2, running = 3, unserved = 4 })[run.status]], ARGV[1])
redis.pcall('ZADD', KEYS[5], now(), ARGV[1])
return { 'paused' }
