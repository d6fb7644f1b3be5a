-- history: one page of a run's outcomes, for whoever replays or reads it. Changes nothing.
-- KEYS  steps  steps:<id>
--       run?   run:<id>
-- ARGV  from         outcomes after this number
--       generation?  the generation whose outcomes are meant; absent: any, and no second key
-- Reply a list of records, at most 1,000 or about 1 MiB; empty at the end, and of another generation
local steps_key, run_key = KEYS[1], KEYS[2]
local from, generation = tonumber(ARGV[1]), ARGV[2]
if generation and redis.call('HGET', run_key, 'generation') ~= generation then return {} end
return outcomes_after(steps_key, from, math.max(from, redis.call('HLEN', steps_key)))
