-- reclaim: an unserved work item is claimed by a worker that has its workflow and a slot for it.
-- KEYS  run             run:<id>
--       unserved_items  unserved:<queue>:<workflow>
--       claimed         claimed:<worker>:<queue>
--       waiting_pushed  waiting:pushed:<queue>
-- ARGV  text
--       is_turn  '1' for a turn
-- Reply 1, or 0 if somebody else was faster
-- Guarantees: list to list. The status stays `unserved` until the turn is taken.
local run_key, unserved_items_key, claimed_key, waiting_pushed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local text, is_turn = ARGV[1], ARGV[2] == '1'
local turn = redis.call('HGET', run_key, 'turn')
redis.call('LLEN', claimed_key)
need_right('LPUSH', claimed_key, '')
-- It was among the 1,000 oldest, and what leaves brings it nearer to the end. Without it all of a long list would be looked at.
if not redis.call('LPOS', unserved_items_key, text, 'RANK', -1, 'MAXLEN', 1000) then return 0 end
redis.call('LREM', unserved_items_key, -1, text)
redis.call('LPUSH', claimed_key, text)
if is_turn and turn == 'unserved' then redis.call('HSET', run_key, 'turn', 'queue') end
-- Whoever could not do it after all lists it again.
if is_turn then redis.pcall('ZREM', waiting_pushed_key, string.match(text, '^turn (%S+)')) end
return 1
