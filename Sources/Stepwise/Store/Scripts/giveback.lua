-- giveback: one claimed invocation goes back to its queue: its worker died, drains, or cannot start it now.
-- KEYS  1 run:<id> (of a raw item: any key)  2 open:<id>  3 claimed:<worker>:<queue>  4 queue:<queue>  5 redelivered
-- ARGV  1 text  2 worker  3 'carry', 'step' or 'raw'  4 generation  5 step  6 attempt  7 '1' if the worker was lost with it
-- Reply {'moved'}, {'stale'} (dropped) or {'gone'} (it is not in the list)
-- Guarantees: list to list; a carry is marked as queued in the same step, so its old holder can change nothing any more.
if not redis.call('LPOS', KEYS[3], ARGV[1]) then return { 'gone' } end
redis.call('LLEN', KEYS[4])
local lost = ARGV[7] == '1'
if ARGV[3] == 'raw' then
  redis.call('LREM', KEYS[3], -1, ARGV[1])
  redis.call('RPUSH', KEYS[4], ARGV[1])
  if lost then redis.pcall('HINCRBY', KEYS[5], redis.sha1hex(ARGV[1]), 1) end
  return { 'moved' }
end
local run = read_run(KEYS[1])
local wanted = is_live(run) and run.generation == ARGV[4]
local step, open = ARGV[5], false
if wanted and ARGV[3] == 'carry' then
  local holder = string.match(run.carrier, '^(%S+) %d+ ')
  wanted = run.carrier == 'queue' or holder == ARGV[2]
  step = run.own
end
if wanted and step ~= '' then open = read_open(redis.call('HGET', KEYS[2], step)) end
if wanted and ARGV[3] == 'step' then wanted = open and open.attempt == ARGV[6] and open.where == 'invocation' end
redis.call('LREM', KEYS[3], -1, ARGV[1])
if not wanted then return { 'stale' } end
if ARGV[3] == 'carry' then redis.call('HSET', KEYS[1], 'carrier', 'queue') end
if lost and open then
  open.lost = open.lost + 1
  redis.call('HSET', KEYS[2], step, open_text(open, open.where))
end
redis.call('RPUSH', KEYS[4], ARGV[1])
return { 'moved' }
