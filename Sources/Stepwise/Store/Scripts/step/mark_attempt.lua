-- mark_attempt: before the body of a step that is executed at most once per attempt, or that has to be begun within a time: notes that it has.
-- KEYS  1 run:<id>  2 open:<id>  3 claimed:<worker>:<queue>  4 delayed
-- ARGV  1 worker  2 text of the claim  3 number of the turn, '' for a claimed step  4 step  5 generation  6 attempt  7 token
--       8 '1' if the attempt may be executed once only  9 id
-- Reply {'begun'}: the body may be executed; {'interrupted'}: another call had begun the attempt, nobody knows how far it came;
--       {'stale'}: the caller holds neither claim nor turn, or the step is closed
-- Guarantees: of all calls for one attempt of such a step only the one with the first token may execute the body; sent again, it gives
--       the same answer.
local run = read_run(KEYS[1])
if not is_live(run) or run.generation ~= ARGV[5] or not redis.call('LPOS', KEYS[3], ARGV[2]) then return { 'stale' } end
local open = find_open(run, KEYS[2], ARGV[4])
local has_turn = ARGV[3] ~= ''
if has_turn and not (holds_turn(run, ARGV[1], ARGV[3]) and run.inline == ARGV[4]) then return { 'stale' } end
if not open or open.attempt ~= ARGV[6] or open.where ~= (has_turn and 'inline' or 'item') then return { 'stale' } end
redis.call('HDEL', KEYS[1], '-')
if limit_of(open, 'claim') then
  open.limits = string.gsub(open.limits, ' claim=%d+', '')
  local entry = limit_entry(KEYS[3], ARGV[9], ARGV[5], ARGV[4])
  if open.limits == '' then redis.pcall('ZREM', KEYS[4], entry) else redis.pcall('ZADD', KEYS[4], 'XX', next_limit(open), entry) end
elseif ARGV[8] ~= '1' then
  return { 'begun' }
end
if ARGV[8] == '1' then
  local kind = 'begun:' .. ARGV[7]
  if open.kind == kind then return { 'begun' } end
  if open.kind ~= 'run' then return { 'interrupted' } end
  open.kind = kind
end
redis.call('HSET', KEYS[2], ARGV[4], open_text(open, open.where))
return { 'begun' }
