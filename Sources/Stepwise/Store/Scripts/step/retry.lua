-- retry: an attempt failed and another is allowed: the step waits in `delayed`, with its count and the failure in `open`.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 claimed:<worker>:<queue>  5 delayed
-- ARGV  1 id  2 worker  3 text of the claim (the step's, or the turn's)  4 number of the turn, '' for a claimed step
--       5 step  6 generation  7 attempt that failed  8 delay in ms  9 queue  10 upto, with a turn
--       11 how the attempt failed, JSON without its closing brace  12 how many ms it took
--       13 how many ms after the first attempt's begin another may begin, '' for no end
-- Reply {'delayed'}; {'more', opened, recorded, delivered, page}: delayed, and the turn stays for what was recorded meanwhile;
--       {'exhausted'}: too late for another, nothing was changed; {'withdrawn'}; {'stale'}
-- Guarantees: one mover for the step at every moment; sent again, it changes nothing.
local run = read_run(KEYS[1])
redis.call('ZCARD', KEYS[5])
local open = run and find_open(run, KEYS[3], ARGV[5])
local next_attempt = tonumber(ARGV[7]) + 1
local has_turn = ARGV[4] ~= ''
local holds
if has_turn then holds = is_live(run) and holds_turn(run, ARGV[2], ARGV[4]) else holds = redis.call('LPOS', KEYS[4], ARGV[3]) end
local function more()
  return { 'more', run.opened, run.recorded, run.delivered, outcomes_after(KEYS[2], tonumber(ARGV[10]), run.recorded) }
end
if not holds or (has_turn and run.inline ~= ARGV[5]) then
  if has_turn and holds then return more() end
  return { open and open.attempt == tostring(next_attempt) and 'delayed' or 'stale' }
end
local wanted = is_live(run) and open and run.generation == ARGV[6] and open.attempt == ARGV[7]
  and open.where == (has_turn and 'inline' or 'item')
local since, lines
if wanted then
  since, lines = string.match(open.rest, '^ (%d+)(.*)$')
  if not since then since, lines = string.format('%.0f', now() - tonumber(ARGV[12])), '' end
  if ARGV[13] ~= '' and now() + tonumber(ARGV[8]) - since > tonumber(ARGV[13]) then return { 'exhausted' } end
end
local function delay()
  lines = lines .. '\n' .. ARGV[11] .. ',"at":' .. now() .. ',"delay":' .. ARGV[8] .. '}'
  local _, count = string.gsub(lines, '\n', '')
  if count > 20 then lines = string.match(lines, '^\n[^\n]*(.*)$') end
  local again = { kind = 'run', attempt = next_attempt, lost = open.lost, limits = open.limits, rest = ' ' .. since .. lines }
  redis.call('HSET', KEYS[3], ARGV[5], open_text(again, 'item'))
  redis.call('ZADD', KEYS[5], now() + tonumber(ARGV[8]),
    ARGV[9] .. ' step ' .. ARGV[1] .. ' ' .. ARGV[6] .. ' ' .. next_attempt .. ' ' .. ARGV[5])
end
if not has_turn then
  redis.call('LREM', KEYS[4], -1, ARGV[3])
  if not wanted then return { 'withdrawn' } end
  delay()
  return { 'delayed' }
end
redis.call('HDEL', KEYS[1], 'inline', 'joins')
if not wanted then return more() end
if run.recorded > tonumber(ARGV[10]) then
  delay()
  return more()
end
redis.call('LREM', KEYS[4], -1, ARGV[3])
delay()
redis.call('HSET', KEYS[1], 'turn', '', 'delivered', ARGV[10])
return { 'delayed' }
