-- reject: a claimed item that is not a work item goes to `malformed`, where it can be read with the reason.
-- KEYS  claimed    claimed:<worker>:<queue>
--       malformed
-- ARGV  item
--       entry  JSON without its closing brace
-- Reply 1, or 0 if the item is not in the list
local claimed_key, malformed_key = KEYS[1], KEYS[2]
local item, entry = ARGV[1], ARGV[2]
if not prove_claim(claimed_key, item) then return 0 end
redis.call('LLEN', malformed_key)
drop_claim(claimed_key, item)
redis.call('LPUSH', malformed_key, entry .. ',"at":' .. now() .. '}')
return 1
