-- await_child: a step has made its child, and now waits for it: no claim and no turn moves it any more, the child's end does.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       claimed  claimed:<worker>:<queue>
--       queue    queue:<queue>
-- ARGV  worker
--       text         of the claim (the step's, or the turn's)
--       number       of the turn, '' for a claimed step
--       step
--       generation
--       attempt
--       upto         with a turn: up to which outcome the function has received them
--       child
--       policy       'cancel', 'abandon' or 'wait': what becomes of it when nobody waits for it
--       cancel_text  the work item that cancels it
-- Reply {'waits'}; {'more', opened, recorded, delivered, page}: it waits or was closed, and the turn stays for what was recorded meanwhile;
--       {'withdrawn'}: nobody waits for the child; {'stale'}
-- Guarantees: one mover for the step at every moment; sent again, it changes nothing. A child that has ended before has closed the step.
local run_key, steps_key, open_key, claimed_key, queue_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local worker, text, number, step, generation, attempt, upto, child = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local policy, cancel_text = ARGV[9], ARGV[10]
upto = tonumber(upto)
local run = read_run(run_key)
redis.call('LLEN', queue_key)
local open = run and find_open(run, open_key, step)
local has_turn = number ~= ''
local place = 'child:' .. policy .. ':' .. child
local holds
if has_turn then holds = is_live(run) and holds_turn(run, worker, number) else holds = prove_claim(claimed_key, text) end
if not holds or (has_turn and run.inline ~= step) then
  if holds then return more_reply(run, steps_key, upto) end
  -- The run ended while the caller executed its step: nobody else knows that the child was made.
  if policy == 'cancel' and not (open and run.generation == generation) then
    redis.call('HDEL', run_key, '-')
    redis.call('RPUSH', queue_key, cancel_text)
  end
  return { open and open.where == place and 'waits' or 'stale' }
end
local wanted = is_live(run) and open and run.generation == generation and open.attempt == attempt
  and open.where == (has_turn and 'inline' or 'item')
local held = { run = run_key, claimed = claimed_key, text = text, has_turn = has_turn, upto = upto }
local outcome = hand_over_step(run, held, wanted, function()
  note_wait(open, now())
  open.kind, open.where = 'invoke', place
  redis.call('HSET', open_key, step, open_text(open, open.where))
  if run.children == '' then redis.call('HSET', run_key, 'children', '1') end
end)
if outcome == 'more' then return more_reply(run, steps_key, upto) end
if outcome == 'done' then return { 'waits' } end
if policy == 'cancel' then redis.call('RPUSH', queue_key, cancel_text) end
return { 'withdrawn' }
