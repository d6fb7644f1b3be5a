-- count_work: adds what a worker has done since its last such call to the counts of a minute, for people to see.
-- KEYS  worker  worker:<worker>
--       stats   stats:<minute>
-- ARGV  number    of the call; each has a higher one
--       seconds   how long the minute's counts stay
--       counts... name and number of each
-- Reply 1 if they are added, 0 if they were before, or if the worker has no entry
-- Guarantees: sent twice, it counts once: the entry has the number of the last call. So a worker that has left counts nothing more; one that was
--       declared dead still does.
local worker_key, stats_key = KEYS[1], KEYS[2]
local number, seconds = tonumber(ARGV[1]), ARGV[2]
local arg_list, counts_at = ARGV, 3
local entry = redis.call('HMGET', worker_key, 'state', 'counted')
if not entry[1] or number <= (tonumber(entry[2] or '') or 0) then return 0 end
redis.call('HDEL', worker_key, '-')
redis.call('HSET', worker_key, 'counted', number)
for n = counts_at, #arg_list, 2 do redis.pcall('HINCRBY', stats_key, arg_list[n], arg_list[n + 1]) end
redis.pcall('EXPIRE', stats_key, seconds)
return 1
