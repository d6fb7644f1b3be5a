-- history: one page of a run's outcomes, for whoever replays or reads it. Changes nothing.
-- KEYS  1 steps:<id>
-- ARGV  1 from: outcomes after this number
-- Reply a list of records, at most 1,000 or about 1 MiB; empty at the end
local from = tonumber(ARGV[1])
return outcomes_after(KEYS[1], from, math.max(from, redis.call('HLEN', KEYS[1])))
