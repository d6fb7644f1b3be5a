-- unmark_attempt: takes back what mark_attempt has written. The body has not begun; its worker releases the step, and never begins
-- that body.
-- KEYS  run      run:<id>
--       open     open:<id>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  worker
--       text         of the claim
--       number       of the turn, '' for a claimed step
--       step
--       generation
--       attempt
--       token        of the call that wrote it
--       claim_limit  the limit that it took away, '' if it took none
--       id
--       queue
-- Reply {'waits'}: the step has not begun; {'begun'}: another call says that it has; {'stale'}: the caller holds neither claim nor turn, or the
--       step is closed
-- Guarantees: takes back what the call with that token has written, and nothing else; sent again, it gives the same answer.
local run_key, open_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, text, number, step, generation, attempt, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local claim_limit, id, queue = ARGV[8], ARGV[9], ARGV[10]
local run = read_run(run_key)
if not is_live(run) or run.generation ~= generation or not prove_claim(claimed_key, text) then return { 'stale' } end
local open = find_open(run, open_key, step)
local has_turn = number ~= ''
if has_turn and not (holds_turn(run, worker, number) and run.inline == step) then return { 'stale' } end
if not open or open.attempt ~= attempt or open.where ~= (has_turn and 'inline' or 'item') then return { 'stale' } end
local is_marked = open.kind == 'begun:' .. token
if open.kind ~= 'run' and not is_marked then return { 'begun' } end
local lacks_limit = claim_limit ~= '' and not limit_of(open, 'claim')
if not is_marked and not lacks_limit then return { 'waits' } end
redis.call('HDEL', run_key, '-')
open.kind = 'run'
if lacks_limit then
  open.limits = open.limits .. ' claim=' .. claim_limit
  redis.pcall('ZADD', delayed_key, next_limit(open), limit_entry(queue, id, generation, step))
end
place_open(open_key, step, open, open.where)
return { 'waits' }
