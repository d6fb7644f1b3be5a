-- broadcast: an event is sent to everybody who waits for it now, and if wanted kept for those who come later. What reaches the runs is a
-- work item that names the moment: it is for whoever waits since before then.
-- KEYS  queue      queue:<queue>
--       kept       kept:<name>
--       seen       seen:<id> of the run that sends it, or any key
--       accepting  accepting:<worker>:<queue>, for a pushed item
--       claimed    claimed:<worker>:<queue>, for a pushed item
--       event      event:<name>
--       keeping    the names of which pushed events are kept
-- ARGV  name
--       value  as JSON
--       keep   for how many ms it is kept, '' for not
--       id     the event's own id, '' for none
--       item   the claimed item, '' for none
--       max_keeping  how many names may have a pushed event that is kept
-- Reply {'sent', text}: the work item, in place of the claimed item or on the queue; {'seen'}: an event with this id was sent before;
--       {'kept'}: another one of this name is still kept, and counts; {'crowded'}: too many names have one; {'crowded', waiting, size, most}:
--       so many have one that its bytes are too many: of these three a pushed item's claim stays; {'stale'}
-- Guarantees: of the events of a name that are kept the first counts, but one that was pushed takes no place of a client's or a step's: theirs
--       replaces it. Sent again with an id, or for a claimed item, it changes nothing. Refused as a whole at maxmemory.
local queue_key, kept_key, seen_key, accepting_key, claimed_key, event_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local keeping_key = KEYS[7]
local name, value, keep, id, item, max_keeping = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
if item ~= '' and not prove_claim(accepting_key, item) then return { 'stale' } end
redis.call('LLEN', queue_key)
redis.call('LLEN', claimed_key)
local seen = id ~= '' and redis.call('ZSCORE', seen_key, id)
local till = string.match(redis.call('GET', kept_key) or '', '^(%d+) ')
-- Who waits already is told, also if the clock was set back since.
local last = redis.call('ZREVRANGE', event_key, 0, 0, 'WITHSCORES')[2]
local time = string.format('%.0f', math.max(tonumber(now_exactly()), tonumber(last) or 0))
local is_kept = keep ~= '' and till and tonumber(till) > tonumber(now())
-- An old entry may be of one that was pushed before this one.
local listed = keep ~= '' and redis.call('ZSCORE', keeping_key, name)
if is_kept and item == '' and listed and tonumber(listed) == tonumber(till) then is_kept = false end
local past = {}
if item ~= '' and keep ~= '' then
  if is_kept then return { 'kept' } end
  past = redis.call('ZRANGEBYSCORE', keeping_key, '-inf', now(), 'LIMIT', 0, 100)
  local others = redis.call('ZCARD', keeping_key) - #past
  local crowd = find_crowd(others, listed and math.huge or max_keeping, #value)
  if crowd then return crowd end
end
if seen then
  if item ~= '' then drop_claim(accepting_key, item) end
  return { 'seen' }
end
-- Its id is not noted: the event was not sent.
if is_kept then return { 'kept' } end
refuse_when_full(event_key)
if item ~= '' then drop_claim(accepting_key, item) end
if id ~= '' then note_seen(seen_key, id, false) end
if keep ~= '' then
  -- The time counts, not the key's life; that only frees its memory.
  redis.call('SET', kept_key, string.format('%.0f', now() + keep) .. ' ' .. value, 'PX', keep)
  if #past > 0 then redis.call('ZREM', keeping_key, unpack(past)) end
  if item ~= '' then redis.call('ZADD', keeping_key, now() + keep, name) elseif listed then redis.call('ZREM', keeping_key, name) end
end
local text = 'broadcast ' .. name .. ' ' .. time .. ' ' .. value
redis.call('LPUSH', item ~= '' and claimed_key or queue_key, text)
return { 'sent', text }
