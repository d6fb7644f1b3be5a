-- mark_attempt: before the body of a step that is executed at most once per attempt, or that has to be begun within a time: notes that it has.
-- KEYS  run      run:<id>
--       open     open:<id>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  worker
--       text        of the claim
--       number      of the turn, '' for a claimed step
--       step
--       generation
--       attempt
--       token
--       is_once     '1' if the attempt may be executed once only
--       id
--       queue
-- Reply {'begun'}: the body may be executed; also until when the step had to be begun, if this call has taken that limit away;
--       {'interrupted'}: another call had begun the attempt, nobody knows how far it came; {'stale'}: the caller holds neither claim nor turn,
--       or the step is closed
-- Guarantees: of all calls for one attempt of such a step only the one with the first token may execute the body; sent again, it gives
--       the same answer.
local run_key, open_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, text, number, step, generation, attempt, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local is_once, id, queue = ARGV[8] == '1', ARGV[9], ARGV[10]
local run = read_run(run_key)
if not is_live(run) or run.generation ~= generation or not prove_claim(claimed_key, text) then return { 'stale' } end
local open = find_open(run, open_key, step)
local has_turn = number ~= ''
if has_turn and not (holds_turn(run, worker, number) and run.inline == step) then return { 'stale' } end
if not open or open.attempt ~= attempt or open.where ~= (has_turn and 'inline' or 'item') then return { 'stale' } end
redis.call('HDEL', run_key, '-')
local claim_limit = string.match(open.limits, ' claim=(%d+)')
if claim_limit then
  open.limits = string.gsub(open.limits, ' claim=%d+', '')
  local entry = limit_entry(queue, id, generation, step)
  if open.limits == '' then redis.pcall('ZREM', delayed_key, entry) else redis.pcall('ZADD', delayed_key, 'XX', next_limit(open), entry) end
elseif not is_once then
  return { 'begun' }
end
if is_once then
  local kind = 'begun:' .. token
  if open.kind == kind then return { 'begun' } end
  if open.kind ~= 'run' then return { 'interrupted' } end
  open.kind = kind
end
redis.call('HSET', open_key, step, open_text(open, open.where))
return { 'begun', claim_limit }
