-- unmark_attempt: takes back what mark_attempt has written. The body has not begun; its worker releases the step, and never begins
-- that body.
-- KEYS  run      run:<id>
--       open     open:<id>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  worker
--       text    of the claim
--       number  of the turn, '' for a claimed step
--       step
--       generation
--       attempt
--       token   of the call that wrote it
--       id
--       queue
-- Reply {'waits'}: the step has not begun; {'begun'}: another call says that it has; {'stale'}: the caller holds neither claim nor turn, or the
--       step is closed
-- Guarantees: takes back what the call with that token has written, with the claimTimeout that went, and nothing else; sent again, it gives
--       the same answer. A late copy of it, or of that call, changes nothing.
local run_key, open_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local worker, text, number, step, generation, attempt, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local id, queue = ARGV[8], ARGV[9]
local keys = { run = run_key, open = open_key, claimed = claimed_key }
local caller = { worker = worker, text = text, number = number, step = step, generation = generation, attempt = attempt }
local open = find_attempt(keys, caller)
if not open then return { 'stale' } end
local mark = read_mark(open)
if not mark or mark.word == 'waits' then return { 'waits' } end
if mark.token ~= token then return { 'begun' } end
redis.call('HDEL', run_key, '-')
open.kind = 'waits:' .. token
if mark.claim_limit ~= '' then
  open.limits = open.limits .. ' claim=' .. mark.claim_limit
  redis.pcall('ZADD', delayed_key, next_limit(open), limit_entry(queue, id, generation, step))
end
redis.call('HSET', open_key, step, open_text(open, open.where))
return { 'waits' }
