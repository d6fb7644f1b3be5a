-- beat: renews a worker's entry and tells it what it must know: whether it was declared dead, what is due, who else is there.
-- KEYS  1 workers  2 worker:<worker>  3 delayed  4 meta  5 paused  then claimed:<worker>:<queue> of each queue,
--       then unserved:<workflow> of each workflow, then unfit:<workflow> of each that has a version
-- ARGV  1 worker  2 most due entries to return  3 '1' to look through the lists as well  4 how many queues  5 '1' if it has claimed since
--       6 how many runs were cancelled when it last looked: if there are more now, it looks through the lists  7 how many workflows
--       8... queue:<queue> and workflow:<workflow> of this worker: which of them are paused?
-- Reply {'alive' or 'dead', due entries, {worker, beat, ...} of those that are not dead,
--       {work item, ...}, {index of an unserved list that is not empty, ...}, the data format's number or '',
--       how many runs were cancelled or '', 1 if it has looked through the lists, {index of an unfit hash that is not empty, ...},
--       {what is paused of what was asked for, ...}}
-- Guarantees: renews an entry and never makes one.
local alive = redis.call('HGET', KEYS[2], 'state') == 'alive' and redis.call('ZSCORE', KEYS[1], ARGV[1])
local time = now()
if alive then
  redis.call('HDEL', KEYS[2], '-')
  redis.call('ZADD', KEYS[1], 'XX', time, ARGV[1])
  if ARGV[5] == '1' then redis.call('HSET', KEYS[2], 'lastClaim', time) end
end
local due = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', time, 'LIMIT', 0, tonumber(ARGV[2]))
local meta = redis.call('HMGET', KEYS[4], 'format', 'cancels')
local claims, unserved, unfit = {}, {}, {}
local looks = ARGV[3] == '1' or (meta[2] or '') ~= ARGV[6]
if looks then
  local queues = tonumber(ARGV[4])
  for n = 6, 5 + queues do
    for _, text in ipairs(redis.call('LRANGE', KEYS[n], 0, 1999)) do claims[#claims + 1] = text end
  end
  local workflows = tonumber(ARGV[7])
  for n = 6 + queues, 5 + queues + workflows do
    if redis.call('LLEN', KEYS[n]) > 0 then unserved[#unserved + 1] = n - 6 - queues end
  end
  for n = 6 + queues + workflows, #KEYS do
    if redis.call('HLEN', KEYS[n]) > 0 then unfit[#unfit + 1] = n - 6 - queues - workflows end
  end
end
local paused = {}
if redis.call('HLEN', KEYS[5]) > 0 then
  for n = 8, #ARGV do
    if redis.call('HEXISTS', KEYS[5], ARGV[n]) == 1 then paused[#paused + 1] = ARGV[n] end
  end
end
local living = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, 2000)
return { alive and 'alive' or 'dead', due, living, claims, unserved, meta[1] or '', meta[2] or '', looks and 1 or 0, unfit, paused }
