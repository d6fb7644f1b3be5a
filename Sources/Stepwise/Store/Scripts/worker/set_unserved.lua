-- set_unserved: a claimed work item that this worker cannot do waits for one that can: it does not have the workflow, or no fitting version of it.
-- KEYS  1 run:<id>  2 claimed:<worker>:<queue>  3 unserved:<workflow>  4 runs:running  5 runs:unserved
-- ARGV  1 id  2 text  3 worker  4 '1' for a turn  5 reason
-- Reply 1, or 0 if the caller does not hold it, or nobody wants it any more: then it is dropped
-- Guarantees: a run that was paused or parked meanwhile stays that, and one that has ended stays as it is.
local run = read_run(KEYS[1])
if not run or not redis.call('LPOS', KEYS[2], ARGV[2]) then return 0 end
redis.call('LLEN', KEYS[3])
redis.call('LREM', KEYS[2], -1, ARGV[2])
local has_turn = ARGV[4] == '1'
if not is_live(run) or (has_turn and string.match(run.turn, '^%S+') ~= ARGV[3]) then return 0 end
redis.call('LPUSH', KEYS[3], ARGV[2])
if not has_turn then return 1 end
if is_held(run) then
  redis.call('HSET', KEYS[1], 'turn', 'unserved')
  return 1
end
redis.call('HSET', KEYS[1], 'turn', 'unserved', 'status', 'unserved', 'reason', ARGV[5])
redis.pcall('ZREM', KEYS[4], ARGV[1])
redis.pcall('ZADD', KEYS[5], now(), ARGV[1])
return 1
