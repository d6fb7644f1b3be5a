-- begin: before the body of a step that is executed at most once per attempt: notes that the attempt has begun.
-- KEYS  1 run:<id>  2 open:<id>  3 claimed:<worker>:<queue>
-- ARGV  1 worker  2 text of the claim  3 number of the carry, '' for a claimed step  4 step  5 generation  6 attempt  7 token
-- Reply {'begun'}: the body may be executed; {'interrupted'}: another call had begun the attempt, nobody knows how far it came;
--       {'lost'}: the caller holds neither claim nor carry, or the step is closed
-- Guarantees: of all calls for one attempt only the one with the first token may execute the body; sent again, it gives the same answer.
local run = read_run(KEYS[1])
if not is_live(run) or run.generation ~= ARGV[5] or not redis.call('LPOS', KEYS[3], ARGV[2]) then return { 'lost' } end
local open = read_open(redis.call('HGET', KEYS[2], ARGV[4]))
local carries = ARGV[3] ~= ''
if carries and not (holds_carry(run, ARGV[1], ARGV[3]) and run.own == ARGV[4]) then return { 'lost' } end
if not open or open.attempt ~= ARGV[6] or open.where ~= (carries and 'carry' or 'invocation') then return { 'lost' } end
local kind = 'begun:' .. ARGV[7]
if open.kind == kind then return { 'begun' } end
if open.kind ~= 'run' then return { 'interrupted' } end
open.kind = kind
redis.call('HSET', KEYS[2], ARGV[4], open_text(open, open.where))
return { 'begun' }
