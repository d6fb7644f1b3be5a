-- take_turn: the first call for a claimed work item. Checks it, takes the turn if it is one, and tells what the caller has not seen.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 claimed:<worker>:<queue>  5 runs:queued  6 runs:running  7 runs:unserved
-- ARGV  1 id  2 text  3 worker  4 generation  5 step ('' for a turn)  6 attempt  7 seen  8 token  9 '1' to get workflow, queue and payload
-- Reply {'ok', number, opened, recorded, delivered, page, lost, unfit, patches, workflow, queue, payload,
--       queue of the parent that waits for it or '', depth, created, continued}, number 0 for a step; `lost`: how
--       many workers were lost with the step, or with the turn since the last outcome; `unfit`, `patches` as in the run
--       {'obsolete'}: there is nothing to do for it, the claim is gone; {'stale'}: the caller does not hold it;
--       {'reset'}: the history is shorter than what the caller has seen (Redis lost writes): drop everything remembered.
-- Guarantees: a turn is taken once and numbered; sent again, it gives the same answer. An obsolete work item changes nothing but the claim.
local run, about = read_run(KEYS[1],
  ARGV[9] == '1' and { 'reason', 'workflow', 'queue', 'payload', 'depth', 'created', 'continued' } or { 'reason' })
local held = redis.call('LPOS', KEYS[4], ARGV[2], 'RANK', -1)
-- A first turn lies in the claim list under the short text once it is taken.
local text = ARGV[5] == '' and run and turn_text(ARGV[1], ARGV[4]) or ARGV[2]
if not held and text ~= ARGV[2] then held = string.match(run.turn, '%S+$') == ARGV[8] end
if not held then return { 'stale' } end
local function obsolete()
  redis.call('LREM', KEYS[4], -1, ARGV[2])
  return { 'obsolete' }
end
if not is_live(run) or run.generation ~= ARGV[4] then return obsolete() end
local seen = tonumber(ARGV[7])
local number = 0
local lost
if ARGV[5] == '' then
  local holder, held_number = string.match(run.turn, '^(%S+) (%d+) ')
  if run.turn == 'queue' and is_held(run) then
    -- Nobody takes a parked or paused run forward; resume queues a new turn.
    local inline = about[1] and find_open(run, KEYS[3], run.inline)
    redis.call('LREM', KEYS[4], -1, ARGV[2])
    redis.call('HSET', KEYS[1], 'turn', '')
    if inline then
      redis.call('HSET', KEYS[3], run.inline, open_text(inline, 'held'))
      redis.call('HSET', KEYS[1], 'inline', '')
    end
    return { 'obsolete' }
  elseif run.turn == 'queue' then
    number = run.turns + 1
    if run.status ~= 'running' then redis.pcall('ZREM', KEYS[run.status == 'queued' and 5 or 7], ARGV[1]) end
    if run.status == 'running' or about[1] then redis.call('HDEL', KEYS[1], 'reason') end
    if text ~= ARGV[2] then
      redis.call('LREM', KEYS[4], -1, ARGV[2])
      redis.call('LPUSH', KEYS[4], text)
    end
    redis.call('HSET', KEYS[1], 'turn', holder_text(ARGV[3], number, ARGV[8]), 'turns', number, 'status', 'running')
    if run.status ~= 'running' then redis.pcall('ZADD', KEYS[6], now(), ARGV[1]) end
  elseif holder == ARGV[3] then
    number = tonumber(held_number)
  else
    return obsolete()
  end
  lost = lost_turns(run)
else
  local open = read_open(redis.call('HGET', KEYS[3], ARGV[5]))
  if not open or open.attempt ~= ARGV[6] or open.where ~= 'item' then return obsolete() end
  if is_held(run) and about[1] then
    redis.call('LREM', KEYS[4], -1, ARGV[2])
    redis.call('HSET', KEYS[3], ARGV[5], open_text(open, 'held'))
    return { 'obsolete' }
  end
  lost = open.lost
end
if seen > run.recorded then return { 'reset' } end
local page = outcomes_after(KEYS[2], seen, run.recorded)
if ARGV[9] ~= '1' then return { 'ok', number, run.opened, run.recorded, run.delivered, page, lost, run.unfit, run.patches } end
return { 'ok', number, run.opened, run.recorded, run.delivered, page, lost, run.unfit, run.patches, about[2], about[3],
  about[4], run.parentQueue, about[5] or '0', about[6] or '0', about[7] or '0' }
