-- park: the run waits for other code or a person, with a reason. Its open steps go on to their ends; nobody takes it forward.
-- KEYS  1 run:<id>  2 open:<id>  3 claimed:<worker>:<queue>  4 runs:running  5 runs:parked  6 runs:unserved  7 unfit:<workflow>
-- ARGV  1 id  2 worker  3 text of the claim  4 number of the turn, '' for a step  5 step ('' for a turn)  6 reason  7 attempt of the step
--       8 where history and code part, as JSON; '' for another reason  9 the version of the code that cannot replay the run, '' for none
--       10 queue
-- Reply {'parked'}, {'obsolete'} or {'stale'}
-- Guarantees: only the holder of the claim parks; what it held is marked in `open`, so that resume can queue it again. With a version
--       the run is listed in unfit:<workflow>, where a worker with another version finds it.
local run = read_run(KEYS[1])
if not is_live(run) or not redis.call('LPOS', KEYS[3], ARGV[3]) then return { 'stale' } end
if ARGV[4] ~= '' and not holds_turn(run, ARGV[2], ARGV[4]) then return { 'stale' } end
local step = ARGV[4] ~= '' and run.inline or ARGV[5]
local open = find_open(run, KEYS[2], step)
local listed = ARGV[9] ~= '' and (not is_held(run) or redis.pcall('HEXISTS', KEYS[7], ARGV[1]) == 1)
redis.call('LREM', KEYS[3], -1, ARGV[3])
if ARGV[4] == '' and (not open or open.attempt ~= ARGV[7] or open.where ~= 'item') then return { 'obsolete' } end
if open then redis.call('HSET', KEYS[2], step, open_text(open, 'held')) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'turn', '', 'inline', '') end
-- The first reason is the one that a person needs.
if not is_held(run) then
  redis.call('HSET', KEYS[1], 'status', 'parked', 'reason', ARGV[6])
  if ARGV[8] ~= '' then redis.call('HSET', KEYS[1], 'divergence', ARGV[8]) end
end
if listed then
  local unfit = has_word(run.unfit, ARGV[9]) and run.unfit or string.match(run.unfit .. ' ' .. ARGV[9], '^ ?(.*)$')
  redis.call('HSET', KEYS[1], 'unfit', unfit)
  redis.pcall('HSET', KEYS[7], ARGV[1], ARGV[10] .. ' ' .. unfit)
end
if not is_held(run) then
  redis.pcall('ZREM', KEYS[run.status == 'unserved' and 6 or 4], ARGV[1])
  redis.pcall('ZADD', KEYS[5], now(), ARGV[1])
end
return { 'parked' }
