-- compare: what Redis has of what a worker holds. The one call that a worker sends to a server process that it has not compared with: Redis
-- was restarted, another one has taken its place, or it came back without its newest writes. Changes nothing.
-- KEYS  workers
--       worker   worker:<worker>
--       lists... claimed:<worker>:<queue> of each queue, in the first page; then for each run that the worker has an instance of:
--                run:<id>, steps:<id>
-- ARGV  worker
--       queues    how many claim lists
--       known...  for each run: generation; how many outcomes Redis had; what is known of the last of these, 'token' that its writer put into
--                 it or else how many bytes it has; that token, or how it begins; how many calls were opened; up to which outcome a plan of
--                 this instance was applied
-- Reply {'alive', 'dead' or 'gone': the worker's entry, {claimed work item, ...}, {index of a run of which Redis lacks that, from 0, ...},
--       1 if these are all claims, how many of the runs it has compared: it stops after about 1 MiB of outcomes}
-- Guarantees: a run that is not named as lacking has all of the history that the worker has seen, outcome by outcome: if the last one is the
--       same, so are all before it. The length is not enough: other outcomes may have taken the place of lost ones. Nor is the history: an
--       advance that was lost opened and closed steps, and added none.
local workers_key, worker_key = KEYS[1], KEYS[2]
local key_list, lists_at = KEYS, 3
local worker, queues = ARGV[1], tonumber(ARGV[2])
local arg_list, known_at = ARGV, 3
local state = redis.call('HGET', worker_key, 'state')
local score = redis.call('ZSCORE', workers_key, worker)
local entry = 'gone'
if state == 'dead' or (score and tonumber(score) <= 0) then
  entry = 'dead'
elseif state and score then
  entry = 'alive'
end
local claims = { size = 0 }
local runs_at = lists_at + queues
for n = lists_at, runs_at - 1 do read_claims(claims, key_list[n]) end
local size = 0

local function has(run_key, steps_key, generation, recorded, kind, last, opened, delivered)
  local v = redis.call('HMGET', run_key, 'generation', 'recorded', 'opened', 'delivered')
  if v[1] ~= generation or (tonumber(v[2]) or 0) < recorded then return false end
  if (tonumber(v[3]) or 0) < opened or (tonumber(v[4]) or -1) < delivered then return false end
  if recorded == 0 then return true end
  local record = redis.call('HGET', steps_key, recorded)
  if not record then return false end
  size = size + #record
  if kind == 'token' then return string.find(record, '"claim":"' .. last .. '"', 1, true) ~= nil end
  return #record == tonumber(kind) and string.sub(record, 1, #last) == last
end

local lacking, compared = {}, 0
for n = 0, (#arg_list - known_at + 1) / 6 - 1 do
  if size >= 1048576 then break end
  compared = n + 1
  local key, at = runs_at + 2 * n, known_at + 6 * n
  if not has(key_list[key], key_list[key + 1], arg_list[at], tonumber(arg_list[at + 1]), arg_list[at + 2], arg_list[at + 3],
    tonumber(arg_list[at + 4]), tonumber(arg_list[at + 5])) then
    lacking[#lacking + 1] = n
  end
end
return { entry, claims, lacking, claims.is_part and 0 or 1, compared }
