-- schedule: a schedule goes from one state to the next: a tick's run is started, or the tick is skipped or missed; or somebody makes,
-- changes, pauses, resumes, triggers or removes the schedule. The caller has computed the next state from the one that it names.
-- KEYS  1 schedules  2 delayed  3 run:<id> of the run that is started, or any  4 queue:<queue> of that run, or any  5 runs:queued
-- ARGV  1 name  2 its JSON as the caller knows it, '' if there was none  3 its JSON from now on, '' to remove it
--       4 the entry of `delayed` that is due and goes, '' for a change that is no tick
--       5 another entry that goes if it is there, or ''  6 the entry that comes, or ''  7 when that one is due
--       8 id of the run to start, or ''  9 its workflow  10 its queue  11 its payload  12 its labels as JSON
--       13 within how many ms it has to be done, or ''
-- Reply {'done', 1 if the run is new, else 0}; {'changed'}: its JSON is another, nothing was changed; {'early'}: the entry is not due;
--       {'gone'}: the entry is not there
-- Guarantees: one change follows another, whoever makes them; a tick's entry, its run and what counts it change in one step. Sent again, it
--       changes nothing: the JSON is another, since each change changes it.
local json = redis.call('HGET', KEYS[1], ARGV[1])
if (json or '') ~= ARGV[2] then return { 'changed' } end
local score = ARGV[4] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[4])
if ARGV[4] ~= '' then
  if not score then return { 'gone' } end
  if tonumber(score) > tonumber(now()) then return { 'early' } end
else
  redis.call('ZCARD', KEYS[2])
end
local starts = ARGV[8] ~= '' and redis.call('HLEN', KEYS[3]) == 0
if starts then
  redis.call('LLEN', KEYS[4])
  redis.call('ZCARD', KEYS[5])
end
if ARGV[4] ~= '' then redis.call('ZREM', KEYS[2], ARGV[4]) end
if ARGV[5] ~= '' then redis.call('ZREM', KEYS[2], ARGV[5]) end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
if ARGV[6] ~= '' then redis.call('ZADD', KEYS[2], ARGV[7], ARGV[6]) end
if not starts then return { 'done', 0 } end
local time = now()
redis.call('HSET', KEYS[3], 'workflow', ARGV[9], 'queue', ARGV[10], 'payload', ARGV[11], 'status', 'queued', 'generation', time,
  'turn', 'queue', 'created', time, 'labels', ARGV[12])
if ARGV[13] ~= '' then set_deadline(KEYS[3], KEYS[2], KEYS[4], ARGV[8], time, ARGV[13]) end
redis.call('LPUSH', KEYS[4], turn_text(ARGV[8], time))
redis.pcall('ZADD', KEYS[5], time, ARGV[8])
return { 'done', 1 }
