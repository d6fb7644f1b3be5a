-- broadcast: an event is sent to everybody who waits for it now, and if wanted kept for those who come later. What reaches the runs is an
-- work item that names the moment: whoever waits since before it is told.
-- KEYS  1 queue:<queue>  2 kept:<name>  3 seen:<id> of the run that sends it, or any key  4 claimed:<worker>:<queue>, for a pushed item
--       5 event:<name>
-- ARGV  1 name  2 value as JSON  3 for how many ms it is kept, '' for not  4 the event's own id, '' for none  5 the claimed item, '' for none
-- Reply {'sent', text}: the work item, in place of the claimed item or on the queue; {'seen'}: an event with this id was sent before;
--       {'kept'}: another one of this name is still kept, and counts; {'stale'}
-- Guarantees: of the events of a name that are kept the first counts; sent again with an id, or for a claimed item, it changes nothing.
if ARGV[5] ~= '' and not redis.call('LPOS', KEYS[4], ARGV[5]) then return { 'stale' } end
redis.call('LLEN', KEYS[1])
local seen = ARGV[4] ~= '' and redis.call('ZSCORE', KEYS[3], ARGV[4])
local till = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+) ')
-- Who waits already is told, also if the clock was set back since.
local last = redis.call('ZREVRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
local time = string.format('%.0f', math.max(tonumber(now_exactly()), tonumber(last) or 0))
local is_kept = ARGV[3] ~= '' and till and tonumber(till) > tonumber(now())
if ARGV[5] ~= '' then redis.call('LREM', KEYS[4], -1, ARGV[5]) else redis.call('ZREM', KEYS[3], '') end
if seen then return { 'seen' } end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[3], now(), ARGV[4])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1001)
end
if is_kept then return { 'kept' } end
if ARGV[3] ~= '' then
  -- The time counts, not the key's life; that only frees its memory.
  redis.call('SET', KEYS[2], string.format('%.0f', now() + ARGV[3]) .. ' ' .. ARGV[2], 'PX', ARGV[3])
end
local text = 'broadcast ' .. ARGV[1] .. ' ' .. time .. ' ' .. ARGV[2]
redis.call('LPUSH', ARGV[5] ~= '' and KEYS[4] or KEYS[1], text)
return { 'sent', text }
