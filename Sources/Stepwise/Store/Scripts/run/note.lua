-- note: keeps a warning on a run that exists (a step called from Task {}, say).
-- KEYS  run  run:<id>
-- ARGV  sentence
-- Reply 1, or 0 if there is no such run
local run_key = KEYS[1]
local sentence = ARGV[1]
if redis.call('EXISTS', run_key) == 0 then return 0 end
redis.call('HDEL', run_key, '-')
redis.call('HSET', run_key, 'warning', sentence)
return 1
