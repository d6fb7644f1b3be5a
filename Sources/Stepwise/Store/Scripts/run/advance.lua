-- advance: by the turn's holder, having delivered up to `upto`: opens what the function has called, closes what it no longer waits for,
-- and ends the turn, unless more was recorded meanwhile or another page follows. With an ending, ends the run, or begins it anew, which
-- does not stand if more was recorded meanwhile: a cancellation has to be heard.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 claimed:<worker>:<queue>  6 queue:<queue>
--       7 runs:running  8 runs:completed  9 runs:failed  10 runs:parked  11 runs:cancelled  12 dead  13 delayed
--       14 queue:<queue> of the run that waits for this one, or any list
--       where the function has waited for events also 15 mail:<id>, then for each that is opened event:<name> and kept:<name>
-- ARGV  1 id  2 worker  3 number  4 turn text  5 generation  6 upto  7 slots  8 '1' if this is the last page
--       9 ending ('', 'completed', 'failed', 'cancelled', 'continued')  10 output, error, or the input to begin anew with, as JSON
--       11 how many openings, then for each: number, step, '1' if withdrawn, its time limits, what it waits for
--       ('' for a step with a body, 'sleep', or 'waitForEvent <name> <n>', KEYS[n] being event:<name>); then how many closings, then each step;
--       then how many steps whose limits do not matter any more, then each; then how many of the steps that it no longer waits for leave
--       something outside the run, then for each: step, the work item that ends it; then the run's patches, '' for no change;
--       how many bytes a run's outcomes may take; '1' if the function waits for all of its open steps before it can go on, unless one
--       of them fails
-- Reply {'inline', step, attempt, lost}: the turn goes on, this is the only open step and its body the caller's;
--       {'more', opened, recorded, delivered, page}: the turn stays; {'released', text...}: the turn ended, the texts are claims of the caller;
--       {'gone', text...}: the same of a caller who does not hold the turn, and may never have;
--       {'paused', text...}: as released, and nothing was opened, closed or ended;
--       {'finished', how, if this turn was the last, else ''}; {'continued', 1 if by this call}: the run has begun anew, or was
--       removed: the caller's generation is over;
--       {'reset'}: the history is shorter than `upto`
-- Guarantees: only the holder of the turn changes anything; openings below `opened` are not repeated, so it may arrive twice and late.
local call = {
  run = read_run(KEYS[1]), id = ARGV[1], worker = ARGV[2], text = ARGV[4], generation = ARGV[5], upto = tonumber(ARGV[6]),
  slots = tonumber(ARGV[7]), last = ARGV[8] == '1', ending = ARGV[9], result = ARGV[10],
}
if not call.run or call.run.generation ~= call.generation then return { 'continued', 0 } end
if not is_live(call.run) then return finished_reply(call.run) end
if not holds_turn(call.run, call.worker, ARGV[3]) then return stale_reply(call) end
if call.upto > call.run.recorded then return { 'reset' } end
if call.run.status == 'paused' then return put_aside(call) end
local plan = read_plan(call.run, 11)
if call.ending == '' and opens_one(call, plan) and is_nothing_open(call) then
  -- A run's first step, or the one behind a join.
  local refused = first_write(KEYS[1], 'HSET', KEYS[1], 'opened', call.run.opened + 1, 'inline', plan.openings[1].step, 'delivered', call.upto)
  if refused then return refused end
  redis.call('SET', KEYS[4], 1)
  keep_patches(plan)
  return { 'inline', plan.openings[1].step, 1, 0 }
end
check_keys(plan)
if already_applied(call, plan) then return inline_reply(call.run) end
if call.ending == 'continued' and call.run.recorded > call.upto then
  return { 'more', call.run.opened, call.run.recorded, call.run.delivered, outcomes_after(KEYS[2], call.upto, call.run.recorded) }
end
if call.ending == 'continued' then return renew(call, plan) end
if call.ending ~= '' then return finish(call, plan) end
return apply_plan(call, plan)
