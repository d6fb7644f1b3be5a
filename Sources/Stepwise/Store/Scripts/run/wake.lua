-- wake: an instance without a turn has moved by itself (it came back from Task.sleep, say): queues a turn if the run has none.
-- KEYS  run    run:<id>
--       queue  queue:<queue>
-- ARGV  id
-- Reply 1 if a turn was queued, else 0
local run_key, queue_key = KEYS[1], KEYS[2]
local id = ARGV[1]
local run = read_run(run_key)
if not is_live(run) or is_held(run) or run.turn ~= '' then return 0 end
redis.call('LLEN', queue_key)
redis.call('HDEL', run_key, '-')
redis.call('HSET', run_key, 'turn', 'queue')
redis.call('RPUSH', queue_key, turn_text(id, run.generation))
return 1
