-- release_pushed: claimed pushed items go back to their inbox: their worker died, drains, or cannot start them now. One that workers die of
-- goes to `malformed`.
-- KEYS  accepting    accepting:<worker>:<queue>
--       inbox        inbox:<queue>
--       redelivered
--       malformed
-- ARGV  is_one       '1' for `item` alone; else for all that are there, a page of them
--       item
--       worker       whose they are
--       is_lost      '1' if the worker was lost with them
--       max_losses   how many workers an item may lose
--       max_size     how many bytes an item may have
--       entry        JSON of a `malformed` entry, without reason, item and closing brace
--       max_entries  how many entries `malformed` keeps
-- Reply how many items left the list; 0: there is none any more
-- Guarantees: the oldest is the next to be claimed again. At most 100 items, no more than about 1 MiB of them, and 10 of which
--       `malformed` tells, a call.
local accepting_key, inbox_key, redelivered_key, malformed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local is_one, item, worker, is_lost, max_losses = ARGV[1] == '1', ARGV[2], ARGV[3], ARGV[4] == '1', tonumber(ARGV[5])
local max_size, entry, max_entries = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
redis.call('LLEN', inbox_key)
redis.call('LLEN', malformed_key)
need_right('RPUSH', inbox_key, '')
need_right('LPUSH', malformed_key, '')

-- How many workers have died with an item: equal ones that one worker held are one loss, and who accepts it forgets the count. Nobody's life
-- hangs on it, so it is kept for a day, and for 10,000 items.
local function count_loss(text)
  local known = redis.pcall('HLEN', redelivered_key)
  if type(known) == 'table' then return 0 end
  if known >= 10000 then redis.call('UNLINK', redelivered_key) end
  local digest = redis.sha1hex(text)
  local losses, last = string.match(redis.call('HGET', redelivered_key, digest) or '', '^(%d+) (.*)$')
  losses = tonumber(losses) or 0
  if last ~= worker then losses = losses + 1 end
  redis.pcall('HSET', redelivered_key, digest, losses .. ' ' .. worker)
  redis.pcall('EXPIRE', redelivered_key, 86400)
  return losses
end

local refused = 0

-- What a refused item looks like is found out byte by byte.
local function refuse_item(text, reason)
  refused = refused + 1
  return refuse(malformed_key, refused_entry(entry, reason, text), max_entries)
end

-- Where a released item goes.
local function place(text)
  if #text > max_size then
    local reason = 'it has ' .. #text .. ' bytes, and the limit is ' .. max_size .. " (maximumPayloadSize of the worker's configuration)"
    return refuse_item(text, reason)
  end
  if is_lost then
    local losses = count_loss(text)
    if losses >= max_losses then
      redis.pcall('HDEL', redelivered_key, redis.sha1hex(text))
      local reason = losses .. ' workers ended while they accepted it: look at their logs, and push it again once the cause is mended'
      return refuse_item(text, reason)
    end
  end
  redis.call('RPUSH', inbox_key, text)
end

if is_one then
  if not prove_claim(accepting_key, item) then return 0 end
  drop_claim(accepting_key, item)
  place(item)
  return 1
end
local count, bytes = 0, 0
while count < 100 and bytes < 1048576 and refused < 10 do
  local text = redis.call('LPOP', accepting_key)
  if not text then break end
  count, bytes = count + 1, bytes + #text
  place(text)
end
return count
