-- history: one page of a run's outcomes, for whoever replays or reads it. Changes nothing.
-- KEYS  1 steps:<id>  2 run:<id>
-- ARGV  1 from: outcomes after this number  2 the generation whose outcomes are meant; absent: any, and no second key
-- Reply a list of records, at most 1,000 or about 1 MiB; empty at the end, and of another generation
local from = tonumber(ARGV[1])
if ARGV[2] and redis.call('HGET', KEYS[2], 'generation') ~= ARGV[2] then return {} end
return outcomes_after(KEYS[1], from, math.max(from, redis.call('HLEN', KEYS[1])))
