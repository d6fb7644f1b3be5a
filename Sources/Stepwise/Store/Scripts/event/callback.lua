-- callback: a run has made a callback, and will tell its token: from now on somebody may answer it.
-- KEYS  1 run:<id>  2 mail:<id>
-- ARGV  1 name of the event that is the answer  2 generation
-- Reply 1; 0 if the run has ended or gone on without this step
-- Guarantees: sent again, it changes nothing.
local run = read_run(KEYS[1])
if not is_live(run) or run.generation ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[2], 0, ARGV[1] .. ' c')
return 1
