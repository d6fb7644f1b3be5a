-- enqueue: makes a run and queues its first carry, once for an id.
-- KEYS  1 run:<id>  2 queue:<queue>  3 runs:queued  4 delayed
-- ARGV  1 id  2 workflow  3 queue  4 payload  5 labels as JSON or ''  6 the run that this one restarts, or ''
--       7 within how many ms it has to be done, or ''
-- Reply {'new'} or {'exists', workflow}
-- Guarantees: one id makes one run, however often this arrives. Refused as a whole at maxmemory.
local existing = redis.call('HGET', KEYS[1], 'workflow')
if existing then return { 'exists', existing } end
redis.call('LLEN', KEYS[2])
redis.call('ZCARD', KEYS[3])
redis.call('ZCARD', KEYS[4])
local time = now()
redis.call('HSET', KEYS[1], 'workflow', ARGV[2], 'queue', ARGV[3], 'payload', ARGV[4], 'status', 'queued', 'generation', time,
  'carrier', 'queue', 'created', time)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'labels', ARGV[5]) end
if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'origin', ARGV[6]) end
if ARGV[7] ~= '' then set_deadline(KEYS[1], KEYS[4], KEYS[2], ARGV[1], time, ARGV[7]) end
redis.call('LPUSH', KEYS[2], carry_text(ARGV[1], time))
redis.pcall('ZADD', KEYS[3], time, ARGV[1])
return { 'new' }
