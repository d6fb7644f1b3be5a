-- withdraw: a step that no longer waits for an event leaves its run's mailbox and the event's list.
-- KEYS  claimed  claimed:<worker>:<queue>
--       mail     mail:<id>
--       event    event:<name>
-- ARGV  text        of the claim
--       id
--       generation
--       number      of the call
--       name
--       step
--       queue
-- Reply {'withdrawn'}; {'stale'}: the claim is not the caller's
-- Guarantees: a later generation's step that waits is another entry. Sent again, it changes nothing, even if Redis has lost both the claim and
--       what closed the step, so that the waiter is needed again.
local claimed_key, mail_key, event_key = KEYS[1], KEYS[2], KEYS[3]
local text, id, generation, number, name, step, queue = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
if not prove_claim(claimed_key, text) then return { 'stale' } end
drop_claim(claimed_key, text)
redis.pcall('ZREM', mail_key, mail_waiter(name, generation, tonumber(number), step))
redis.pcall('ZREM', event_key, event_waiter(queue, id, generation, step))
return { 'withdrawn' }
