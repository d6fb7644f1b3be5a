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
-- Reply {'begun'}: the body may be executed; {'interrupted'}: another call had begun the attempt, nobody knows how far it came; {'stale'}: the
--       caller holds neither claim nor turn, or the step is closed, or this call was taken back, or a newer one of the caller has come
-- Guarantees: of all calls for one attempt of such a step only the one with the first token may execute the body, unless it is taken back
--       (unmark_attempt); sent again, it gives the same answer. A late copy changes nothing. The claimTimeout that goes is kept in the mark.
local run_key, open_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, text, number, step, generation, attempt, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local is_once, id, queue = ARGV[8] == '1', ARGV[9], ARGV[10]
local keys = { run = run_key, open = open_key, claimed = claimed_key }
local caller = { worker = worker, text = text, number = number, step = step, generation = generation, attempt = attempt }
local open = find_attempt(keys, caller)
if not open then return { 'stale' } end
local mark = read_mark(open)
if mark and not is_after(token, mark) then return { mark.word == 'begun' and mark.token == token and 'begun' or 'stale' } end
local is_free = open.kind == 'run' or mark and (mark.word == 'waits' or not is_once)
if not is_free then return { 'interrupted' } end
redis.call('HDEL', run_key, '-')
local claim_limit = string.match(open.limits, ' claim=(%d+)')
open.kind = 'begun:' .. token
if claim_limit then
  open.kind = open.kind .. ':' .. claim_limit
  open.limits = string.gsub(open.limits, ' claim=%d+', '')
  local entry = limit_entry(queue, id, generation, step)
  if open.limits == '' then redis.pcall('ZREM', delayed_key, entry) else redis.pcall('ZADD', delayed_key, 'XX', next_limit(open), entry) end
end
redis.call('HSET', open_key, step, open_text(open, open.where))
return { 'begun' }
