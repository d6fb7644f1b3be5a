-- await_child: a step has made its child, and now waits for it: no claim and no turn moves it any more, the child's end does.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 claimed:<worker>:<queue>  5 queue:<queue>
-- ARGV  1 worker  2 text of the claim (the step's, or the turn's)  3 number of the turn, '' for a claimed step
--       4 step  5 generation  6 attempt  7 upto, with a turn  8 child  9 'cancel', 'abandon' or 'wait': what becomes of it when nobody waits for it
--       10 the work item that cancels it
-- Reply {'waits'}; {'more', opened, recorded, delivered, page}: it waits or was closed, and the turn stays for what was recorded meanwhile;
--       {'withdrawn'}: nobody waits for the child; {'stale'}
-- Guarantees: one mover for the step at every moment; sent again, it changes nothing. A child that has ended before has closed the step.
local run = read_run(KEYS[1])
redis.call('LLEN', KEYS[5])
local open = run and find_open(run, KEYS[3], ARGV[4])
local has_turn = ARGV[3] ~= ''
local place = 'child:' .. ARGV[9] .. ':' .. ARGV[8]
local holds
if has_turn then holds = is_live(run) and holds_turn(run, ARGV[1], ARGV[3]) else holds = redis.call('LPOS', KEYS[4], ARGV[2]) end
local function more()
  return { 'more', run.opened, run.recorded, run.delivered, outcomes_after(KEYS[2], tonumber(ARGV[7]), run.recorded) }
end
if not holds or (has_turn and run.inline ~= ARGV[4]) then
  if holds then return more() end
  return { open and open.where == place and 'waits' or 'stale' }
end
local wanted = is_live(run) and open and run.generation == ARGV[5] and open.attempt == ARGV[6]
  and open.where == (has_turn and 'inline' or 'item')
local function wait()
  open.kind, open.where = 'invoke', place
  redis.call('HSET', KEYS[3], ARGV[4], open_text(open, open.where))
  if run.children == '' then redis.call('HSET', KEYS[1], 'children', '1') end
end
if not has_turn then
  redis.call('LREM', KEYS[4], -1, ARGV[2])
  if not wanted then
    if ARGV[9] == 'cancel' then redis.call('RPUSH', KEYS[5], ARGV[10]) end
    return { 'withdrawn' }
  end
  wait()
  return { 'waits' }
end
redis.call('HDEL', KEYS[1], 'inline', 'joins')
if not wanted then return more() end
if run.recorded > tonumber(ARGV[7]) then
  wait()
  return more()
end
redis.call('LREM', KEYS[4], -1, ARGV[2])
wait()
redis.call('HSET', KEYS[1], 'turn', '', 'delivered', ARGV[7])
return { 'waits' }
