-- deliver: an event that was sent to everybody reaches one step that waits for it. Who does not wait any more leaves the event's list.
-- KEYS  1 to 9 as in deliver_event.lua  10 claimed:<worker>:<queue>
-- ARGV  1 id  2 name  3 value as JSON  4 generation  5 step  6 text of the claim  7 worker  8 how many bytes a run's outcomes may take
-- Reply {'received'}; {'obsolete'}; {'stale'}
-- Guarantees: sent again, it changes nothing: the step is closed.
if not redis.call('LPOS', KEYS[10], ARGV[6]) then return { 'stale' } end
local run = read_run(KEYS[1])
local open = is_live(run) and run.generation == ARGV[4] and read_open(redis.call('HGET', KEYS[3], ARGV[5]))
check_delivery()
if not waits_for(open, ARGV[2]) then
  redis.call('ZREM', KEYS[8], event_waiter(string.match(KEYS[5], '}:queue:(.+)$'), ARGV[1], ARGV[4], ARGV[5]))
  return { 'obsolete' }
end
deliver(run, ARGV[1], ARGV[5], open, ARGV[2], ARGV[3], ARGV[7], ARGV[8])
return { 'received' }
