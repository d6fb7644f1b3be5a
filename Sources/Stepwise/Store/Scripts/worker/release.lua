-- release: one claimed work item goes back to its queue: its worker died, drains, or cannot start it now. A step that has lost as many
-- workers as it may is not delivered again: that is its outcome. A function that loses them between its steps ends its run.
-- KEYS  1 run:<id> (of a pushed item: any key)  2 open:<id>  3 claimed:<worker>:<queue>  4 queue:<queue>  5 redelivered
--       6 steps:<id>  7 join:<id>  8 runs:running  9 runs:failed  10 dead
--       11 queue:<queue> of the run that waits for it, or any list
-- ARGV  1 text  2 worker  3 'turn', 'step', 'pushed' or 'message'  4 generation  5 step  6 attempt  7 '1' if the worker was lost with it
--       8 how many workers a step may lose  9 id
-- Reply {'moved'}, {'obsolete'} (dropped), {'gone'} (it is not in the list), {'failed'} (the run has ended)
-- Guarantees: list to list; a turn is marked as queued in the same step, so its old holder can change nothing any more.
if not redis.call('LPOS', KEYS[3], ARGV[1]) then return { 'gone' } end
redis.call('LLEN', KEYS[4])
local lost, most = ARGV[7] == '1', tonumber(ARGV[8])
if ARGV[3] == 'pushed' or ARGV[3] == 'message' then
  redis.call('LREM', KEYS[3], -1, ARGV[1])
  redis.call('RPUSH', KEYS[4], ARGV[1])
  if lost and ARGV[3] == 'pushed' then redis.pcall('HINCRBY', KEYS[5], redis.sha1hex(ARGV[1]), 1) end
  return { 'moved' }
end
local run = read_run(KEYS[1])
local wanted = is_live(run) and run.generation == ARGV[4]
local step, open = ARGV[5], false
if wanted and ARGV[3] == 'turn' then
  local holder = string.match(run.turn, '^(%S+) %d+ ')
  wanted = run.turn == 'queue' or holder == ARGV[2]
  step = run.inline
end
if wanted then open = find_open(run, KEYS[2], step) end
if wanted and ARGV[3] == 'step' then wanted = open and open.attempt == ARGV[6] and open.where == 'item' end
redis.call('HLEN', KEYS[6])
local turn_losses = wanted and lost and ARGV[3] == 'turn' and not open and not is_held(run) and lost_turns(run) + 1
local fails = turn_losses and turn_losses >= most
if fails then check_parent(run, KEYS[11]) end
local cancels = fails and ending_texts(run, ARGV[9], KEYS[2])
redis.call('LREM', KEYS[3], -1, ARGV[1])
if not wanted then return { 'obsolete' } end

if fails then
  redis.call('UNLINK', KEYS[2], KEYS[7])
  redis.call('HSET', KEYS[1], 'status', 'failed', 'ended', now(), 'turn', '', 'inline', '', 'error',
    '{"type":"WorkersLost","message":"' .. turn_losses .. ' workers were lost while they executed the workflow\'s function after outcome '
    .. run.recorded .. ': its code ends the process, between the steps","worker":' .. cjson.encode(ARGV[2]) .. '}')
  redis.pcall('ZREM', KEYS[8], ARGV[9])
  redis.pcall('ZADD', KEYS[9], now(), ARGV[9])
  redis.pcall('ZADD', KEYS[10], now(), ARGV[9])
  call_in_bites('RPUSH', KEYS[4], cancels)
  announce_end(run, ARGV[9], KEYS[1], KEYS[11])
  return { 'failed' }
end
if turn_losses then redis.call('HSET', KEYS[1], 'lost', turn_losses .. ' ' .. run.recorded) end
local turn_is_due = ARGV[3] == 'turn'
-- A first turn that was lost brings nothing along any more: how often that happened has to be known before its function begins.
local text = turn_losses and turn_text(ARGV[9], run.generation) or ARGV[1]
if lost and open then
  open.lost = open.lost + 1
  if open.lost >= most then
    redis.call('HDEL', KEYS[2], step)
    run.recorded = run.recorded + 1
    local head = '{"step":' .. cjson.encode(step) .. (open.attempt == '1' and '' or ',"attempts":' .. open.attempt)
      .. ',"claim":' .. cjson.encode(ARGV[2])
    redis.call('HSET', KEYS[6], run.recorded, outcome_text(head, open, '"error":{"type":"WorkersLost","message":"' .. open.lost
      .. ' workers were lost while they executed the step\'s body; the last one executed nothing else","cause":"workersLost"}'))
    redis.pcall('DECR', KEYS[7])
    redis.call('HSET', KEYS[1], 'recorded', run.recorded)
    if ARGV[3] == 'turn' then redis.call('HSET', KEYS[1], 'inline', '') end
    turn_is_due = turn_is_due or (run.turn == '' and not is_held(run))
    text = turn_is_due and turn_text(ARGV[9], run.generation)
  else
    redis.call('HSET', KEYS[2], step, open_text(open, open.where))
  end
end
if turn_is_due then redis.call('HSET', KEYS[1], 'turn', 'queue') end
if text then redis.call('RPUSH', KEYS[4], text) end
return { 'moved' }
