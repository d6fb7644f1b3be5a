-- declare_index: an index of a label begins, is complete, or ends.
-- KEYS  meta
--       label  label:<name>
-- ARGV  name
--       change  'begin', 'complete' or 'end'
--       most    how many indexes a namespace may have
--       begun   of 'complete': what 'begin' has said
-- Reply {word, time in ms, when the index has begun, '' of one that is complete}; the word of 'begin': 'new'; 'building': it had begun before and
--       is not complete; 'complete': it is; 'full' with what is there in place of the time: it would be one too many. Of 'complete': 'complete',
--       or 'missing' if it has ended, also if it has begun anew since: then its runs are not all there. Of 'end': 'ended', or 'missing' if there
--       was none
-- Guarantees: runs come into the index from the moment on at which their makers know of it, so its entries before 'complete' are not all. One that
--       has ended has no entries. Sent again it changes nothing. 'begin' is refused at maxmemory.
local meta_key, label_key = KEYS[1], KEYS[2]
local name, change, most, begun = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local stored = redis.call('HMGET', meta_key, 'indexes', 'indexing')
local declared, building = stored[1] or '', stored[2] or ''
local is_there = has_word(declared, name)

-- The words without the index's own, how many these are, and what its own has behind a `=`; nil if there is none.
local function without(words)
  local rest, since = {}, nil
  for word in string.gmatch(words, '%S+') do
    local its, time = string.match(word, '^([^=]*)=?(.*)$')
    if its == name then since = time else rest[#rest + 1] = word end
  end
  return table.concat(rest, ' '), #rest, since
end

local others, _, since = without(building)

local function write(field, words)
  if words == '' then redis.call('HDEL', meta_key, field) else redis.call('HSET', meta_key, field, words) end
end

if change == 'begin' then
  if is_there then return { since and 'building' or 'complete', now(), since or '' } end
  local rest, count = without(declared)
  if count >= most then return { 'full', declared } end
  refuse_when_full(label_key)
  redis.call('UNLINK', label_key)
  write('indexes', count > 0 and rest .. ' ' .. name or name)
  local time = now_exactly()
  write('indexing', string.match(others .. ' ' .. name .. '=' .. time, '^ ?(.*)$'))
  return { 'new', now(), time }
end
if change == 'complete' and since and is_there and since ~= begun then return { 'missing', now(), since } end
redis.call('HDEL', meta_key, '-')
if since then write('indexing', others) end
if change == 'complete' then return { is_there and 'complete' or 'missing', now(), '' } end
redis.call('UNLINK', label_key)
write('indexes', (without(declared)))
return { is_there and 'ended' or 'missing', now(), '' }
