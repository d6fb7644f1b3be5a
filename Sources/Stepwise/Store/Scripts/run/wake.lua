-- wake: an instance without a turn has moved by itself (it came back from Task.sleep, say): queues a turn if the run has none.
-- KEYS  1 run:<id>  2 queue:<queue>
-- ARGV  1 id
-- Reply 1 if a turn was queued, else 0
local run = read_run(KEYS[1])
if not is_live(run) or is_held(run) or run.turn ~= '' then return 0 end
redis.call('LLEN', KEYS[2])
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'turn', 'queue')
redis.call('RPUSH', KEYS[2], turn_text(ARGV[1], run.generation))
return 1
