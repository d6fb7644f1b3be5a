-- note: keeps a warning on a run that exists (a step called from Task {}, say).
-- KEYS  1 run:<id>
-- ARGV  1 the sentence
-- Reply 1, or 0 if there is no such run
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'warning', ARGV[1])
return 1
