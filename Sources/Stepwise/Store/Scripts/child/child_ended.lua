-- child_ended: a child has ended: its end is the outcome of the step that waits for it, an outcome from outside.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       join     join:<id>
--       queue    queue:<queue>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  id
--       text        of the claim
--       generation
--       step
--       child
--       tail        of the record, '' if the child lives (again)
--       token
--       max_bytes   how many bytes a run's outcomes may take
--       queue
-- Reply {'recorded'}; {'obsolete'}: nobody waits for it (any more), or there is no end; {'stale'}: the claim is not the caller's
-- Guarantees: the claim goes and the outcome comes in one step; sent again, it changes nothing.
local run_key, steps_key, open_key, join_key, queue_key, claimed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local delayed_key = KEYS[7]
local id, text, generation, step, child, tail, token, max_bytes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local queue = ARGV[9]
if not prove_claim(claimed_key, text) then return { 'stale' } end
local run = read_run(run_key)
local open = is_live(run) and run.generation == generation and find_open(run, open_key, step)
-- The child may have ended before the step was said to wait for it.
local wanted = open and tail ~= '' and (string.sub(open.where, 1, 6) ~= 'child:' or string.match(open.where, '^child:%l+:(.+)$') == child)
redis.call('LLEN', queue_key)
redis.call('HLEN', steps_key)
drop_claim(claimed_key, text)
if not wanted then return { 'obsolete' } end
close_step(run, run_key, open_key, join_key, step)
drop_step_limits(open, delayed_key, queue, id, generation, step)
local head = outcome_head(step, 'invoke', child, open.attempt, token)
local outcome = bounded_outcome(run, id, max_bytes, head, open, tail)
append_outcome(run, run_key, steps_key, outcome, 'bytes', run.bytes)
queue_turn(run, id, run_key, queue_key)
return { 'recorded' }
