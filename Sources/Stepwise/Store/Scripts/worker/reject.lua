-- reject: a claimed item that nobody can accept goes to `malformed`, where it can be read with the reason.
-- KEYS  claims     accepting:<worker>:<queue>, or claimed:<worker>:<queue> for what no work item is
--       malformed
-- ARGV  item         of a long one how it begins
--       length       how many bytes a long one has, '' if `item` is all of it
--       entry        JSON of a `malformed` entry, without reason, item and closing brace
--       reason
--       max_entries  how many entries `malformed` keeps
-- Reply 1, or 0 if the item is not in the list
-- Guarantees: the caller need not hold, nor send, more of a long item than its beginning.
local claims_key, malformed_key = KEYS[1], KEYS[2]
local item, length, entry, reason, max_entries = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5])
if length then
  -- The oldest first: mostly it is that one, and each look copies an item.
  local found
  for n = 1, redis.call('LLEN', claims_key) do
    local text = redis.call('LINDEX', claims_key, -n)
    if #text == length and string.sub(text, 1, #item) == item then
      found = text
      break
    end
  end
  if not found then return 0 end
  item = found
elseif not prove_claim(claims_key, item) then
  return 0
end
redis.call('LLEN', malformed_key)
drop_claim(claims_key, item)
refuse(malformed_key, refused_entry(entry, reason, item), max_entries)
return 1
