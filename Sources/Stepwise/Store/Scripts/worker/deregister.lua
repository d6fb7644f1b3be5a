-- deregister: a worker's name leaves the index: at a clean exit, or an hour after it was declared dead. Only with empty claim lists.
-- KEYS  workers
--       worker     worker:<worker>
--       busy       busy:<worker>
--       claims...  claimed:<worker>:<queue> and accepting:<worker>:<queue> of each queue
-- ARGV  worker
--       age     how many ms it must have been dead, '' for a clean exit
-- Reply 1 if it left, else 0
local workers_key, worker_key, busy_key = KEYS[1], KEYS[2], KEYS[3]
local key_list, claims_at = KEYS, 4
local worker, age = ARGV[1], ARGV[2]
for n = claims_at, #key_list do
  if redis.call('LLEN', key_list[n]) > 0 then return 0 end
end
if age ~= '' then
  -- A death whose second write was refused has no time but its score.
  local at = tonumber(redis.call('HGET', worker_key, 'declaredDead') or redis.call('ZSCORE', workers_key, worker) or '')
  if not at or now() - math.abs(at) < tonumber(age) then return 0 end
end
-- In this order: who is left in the index without an entry is declared dead, and leaves an hour later.
redis.call('DEL', worker_key)
redis.call('ZREM', workers_key, worker)
redis.pcall('UNLINK', busy_key)
return 1
