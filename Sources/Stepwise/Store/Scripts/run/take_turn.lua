-- take_turn: the first call for a claimed work item. Checks it, takes the turn if it is one, and tells what the caller has not seen.
-- KEYS  run       run:<id>
--       steps     steps:<id>
--       open      open:<id>
--       claimed   claimed:<worker>:<queue>
--       queued    runs:queued
--       running   runs:running
--       unserved  runs:unserved
-- ARGV  id
--       text
--       worker
--       generation
--       step        '' for a turn
--       attempt
--       seen        the number of the last outcome that the caller has
--       token
--       is_cold     '1' to get workflow, queue and payload
-- Reply {'ok', number, opened, recorded, delivered, page, lost, unfit, patches, workflow, queue, payload,
--       queue of the parent that waits for it or '', depth, created, continued}, number 0 for a step; `lost`: how
--       many workers were lost with the step, or with the turn since the last outcome; `unfit`, `patches` as in the run
--       {'obsolete'}: there is nothing to do for it, the claim is gone; {'stale'}: the caller does not hold it;
--       {'reset'}: the history is shorter than what the caller has seen (Redis lost writes): drop everything remembered.
-- Guarantees: a turn is taken once and numbered; sent again, it gives the same answer. The first notes when the run began. An obsolete
--       work item changes nothing but the claim.
local run_key, steps_key, open_key, claimed_key, queued_key, running_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local unserved_key = KEYS[7]
local id, text, worker, generation, step, attempt, seen = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local token, is_cold = ARGV[8], ARGV[9] == '1'
local run, about = read_run(run_key,
  is_cold and { 'reason', 'workflow', 'queue', 'payload', 'depth', 'created', 'continued' } or { 'reason' })
local held = prove_claim(claimed_key, text, 'RANK', -1)
-- A first turn lies in the claim list under the short text once it is taken.
local taken_text = step == '' and run and turn_text(id, generation) or text
if not held and taken_text ~= text then held = string.match(run.turn, '%S+$') == token end
if not held then return { 'stale' } end
local function obsolete()
  drop_claim(claimed_key, text)
  return { 'obsolete' }
end
if not is_live(run) or run.generation ~= generation then return obsolete() end
local number = 0
local lost
if step == '' then
  local holder, held_number = string.match(run.turn, '^(%S+) (%d+) ')
  if run.turn == 'queue' and is_held(run) then
    -- Nobody takes a parked or paused run forward: resume queues a new turn.
    local inline = about[1] and find_open(run, open_key, run.inline)
    drop_claim(claimed_key, text)
    redis.call('HSET', run_key, 'turn', '')
    if inline then
      redis.call('HSET', open_key, run.inline, open_text(inline, 'held'))
      redis.call('HSET', run_key, 'inline', '')
    end
    return { 'obsolete' }
  elseif run.turn == 'queue' then
    if text ~= taken_text then
      local own = redis.call('HMGET', run_key, 'workflow', 'payload')
      if text ~= taken_text .. ' ' .. (own[1] or '') .. ' ' .. (own[2] or '') then return obsolete() end
    end
    number = run.turns + 1
    if run.status ~= 'running' then redis.pcall('ZREM', run.status == 'queued' and queued_key or unserved_key, id) end
    if run.status == 'running' or about[1] then redis.call('HDEL', run_key, 'reason') end
    if taken_text ~= text then
      drop_claim(claimed_key, text)
      redis.call('LPUSH', claimed_key, taken_text)
    end
    -- The run begins, unless it has: one that no worker could begin has taken turns, and opened nothing.
    local begins = run.turns == 0 or run.opened == 0 and redis.call('HEXISTS', run_key, 'began') == 0
    redis.call('HSET', run_key, 'turn', holder_text(worker, number, token), 'turns', number, 'status', 'running',
      unpack(begins and { 'began', now() } or {}))
    if run.status ~= 'running' then redis.pcall('ZADD', running_key, now(), id) end
  elseif holder == worker then
    number = tonumber(held_number)
  else
    return obsolete()
  end
  lost = lost_turns(run)
else
  local open = read_open(redis.call('HGET', open_key, step))
  if not open or open.attempt ~= attempt or open.where ~= 'item' then return obsolete() end
  if is_held(run) and about[1] then
    drop_claim(claimed_key, text)
    redis.call('HSET', open_key, step, open_text(open, 'held'))
    return { 'obsolete' }
  end
  lost = open.lost
end
if seen > run.recorded then return { 'reset' } end
local page = outcomes_after(steps_key, seen, run.recorded)
if not is_cold then return { 'ok', number, run.opened, run.recorded, run.delivered, page, lost, run.unfit, run.patches } end
return { 'ok', number, run.opened, run.recorded, run.delivered, page, lost, run.unfit, run.patches, about[2], about[3],
  about[4], run.parentQueue, about[5] or '0', about[6] or '0', about[7] or '0' }
