-- broadcast: an event is sent to everybody who waits for it now, and if wanted kept for those who come later. What reaches the runs is a
-- work item that names the moment: it is for whoever waits since before then.
-- KEYS  queue      queue:<queue>
--       kept       kept:<name>
--       seen       seen:<id> of the run that sends it, or any key
--       accepting  accepting:<worker>:<queue>, for a pushed item
--       claimed    claimed:<worker>:<queue>, for a pushed item
--       event      event:<name>
-- ARGV  name
--       value  as JSON
--       keep   for how many ms it is kept, '' for not
--       id     the event's own id, '' for none
--       item   the claimed item, '' for none
-- Reply {'sent', text}: the work item, in place of the claimed item or on the queue; {'seen'}: an event with this id was sent before;
--       {'kept'}: another one of this name is still kept, and counts; {'stale'}
-- Guarantees: of the events of a name that are kept the first counts; sent again with an id, or for a claimed item, it changes nothing.
local queue_key, kept_key, seen_key, accepting_key, claimed_key, event_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local name, value, keep, id, item = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if item ~= '' and not prove_claim(accepting_key, item) then return { 'stale' } end
redis.call('LLEN', queue_key)
redis.call('LLEN', claimed_key)
local seen = id ~= '' and redis.call('ZSCORE', seen_key, id)
local till = string.match(redis.call('GET', kept_key) or '', '^(%d+) ')
-- Who waits already is told, also if the clock was set back since.
local last = redis.call('ZREVRANGE', event_key, 0, 0, 'WITHSCORES')[2]
local time = string.format('%.0f', math.max(tonumber(now_exactly()), tonumber(last) or 0))
local is_kept = keep ~= '' and till and tonumber(till) > tonumber(now())
if item ~= '' then drop_claim(accepting_key, item) else redis.call('ZREM', seen_key, '') end
if seen then return { 'seen' } end
if id ~= '' then
  redis.call('ZADD', seen_key, now(), id)
  redis.call('ZREMRANGEBYRANK', seen_key, 0, -1001)
end
if is_kept then return { 'kept' } end
if keep ~= '' then
  -- The time counts, not the key's life; that only frees its memory.
  redis.call('SET', kept_key, string.format('%.0f', now() + keep) .. ' ' .. value, 'PX', keep)
end
local text = 'broadcast ' .. name .. ' ' .. time .. ' ' .. value
redis.call('LPUSH', item ~= '' and claimed_key or queue_key, text)
return { 'sent', text }
