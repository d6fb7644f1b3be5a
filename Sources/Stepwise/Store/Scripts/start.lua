-- start: turns a claimed raw item (what other services LPUSH) into a run whose first carry the caller holds.
-- KEYS  1 run:<id>  2 claimed:<worker>:<queue>  3 runs:running
-- ARGV  1 id  2 workflow  3 queue  4 payload  5 carry text  6 raw item  7 worker  8 token
-- Reply {'ok', number}; {'exists'}: the id has a run already, the item is dropped; {'lost'}: the caller does not hold the item.
-- Guarantees: the item and the run change places in one step; sent again, it gives the same answer.
local carrier = redis.call('HGET', KEYS[1], 'carrier')
if not redis.call('LPOS', KEYS[2], ARGV[6]) then
  if carrier == carrier_text(ARGV[7], 1, ARGV[8]) then return { 'ok', 1 } end
  return { 'lost' }
end
redis.call('LREM', KEYS[2], -1, ARGV[6])
if carrier then return { 'exists' } end
local time = now()
redis.call('HSET', KEYS[1], 'workflow', ARGV[2], 'queue', ARGV[3], 'payload', ARGV[4], 'status', 'running', 'generation', '1',
  'carrier', carrier_text(ARGV[7], 1, ARGV[8]), 'carries', 1, 'created', time)
redis.call('LPUSH', KEYS[2], ARGV[5])
redis.pcall('ZADD', KEYS[3], time, ARGV[1])
return { 'ok', 1 }
