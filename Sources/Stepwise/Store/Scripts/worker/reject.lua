-- reject: a claimed item that nobody can accept goes to `malformed`, where it can be read with the reason.
-- KEYS  claims     accepting:<worker>:<queue>, or claimed:<worker>:<queue> for what no work item is
--       malformed
-- ARGV  item         of a long one how it begins
--       length       how many bytes a long one has, '' if `item` is all of it
--       entry        JSON of a `malformed` entry, without reason, item and closing brace
--       reason
--       max_entries  how many entries `malformed` keeps
--       newer        of a long one: how many newer items the list has, as far as the caller knows
-- Reply 1, or 0 if the item is not in the list
-- Guarantees: the caller need not hold, nor send, more of a long item than its beginning.
local claims_key, malformed_key = KEYS[1], KEYS[2]
local item, length, entry, reason = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local max_entries, newer = tonumber(ARGV[5]), ARGV[6]
if length then
  local function look(index)
    local text = redis.call('LINDEX', claims_key, index)
    return text and #text == length and string.sub(text, 1, #item) == item and text
  end
  -- Each look copies an item, which may be long: all are looked at only if it is not where it should be.
  local found = look(newer)
  for n = 1, found and 0 or redis.call('LLEN', claims_key) do
    found = look(-n)
    if found then break end
  end
  if not found then return 0 end
  item = found
elseif not prove_claim(claims_key, item) then
  return 0
end
redis.call('LLEN', malformed_key)
need_right('LPUSH', malformed_key, '')
drop_claim(claims_key, item)
refuse(malformed_key, refused_entry(entry, reason, item), max_entries)
return 1
