-- reject: a claimed item that is not a work item goes to `malformed`, where it can be read with the reason.
-- KEYS  1 claimed:<worker>:<queue>  2 malformed
-- ARGV  1 item  2 entry: JSON without its closing brace
-- Reply 1, or 0 if the item is not in the list
if not redis.call('LPOS', KEYS[1], ARGV[1]) then return 0 end
redis.call('LLEN', KEYS[2])
redis.call('LREM', KEYS[1], -1, ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[2] .. ',"at":' .. now() .. '}')
return 1
