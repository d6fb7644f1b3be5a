-- callback: a run has made a callback, and will tell its token: from now on somebody may answer it.
-- KEYS  run   run:<id>
--       mail  mail:<id>
-- ARGV  event       the name of the event that is the answer
--       generation
-- Reply 1; 0 if the run has ended or gone on without this step
-- Guarantees: sent again, it changes nothing.
local run_key, mail_key = KEYS[1], KEYS[2]
local event, generation = ARGV[1], ARGV[2]
local run = read_run(run_key)
if not is_live(run) or run.generation ~= generation then return 0 end
redis.call('ZADD', mail_key, 0, event .. ' c')
return 1
