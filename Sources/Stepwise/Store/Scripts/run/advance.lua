-- advance: by the turn's holder, having delivered up to `upto`: opens what the function has called, closes what it no longer waits for,
-- and ends the turn, unless more was recorded meanwhile or another page follows. With an ending, ends the run, or begins it anew, which
-- does not stand if more was recorded meanwhile: a cancellation has to be heard.
-- KEYS  run           run:<id>
--       steps         steps:<id>
--       open          open:<id>
--       join          join:<id>
--       claimed       claimed:<worker>:<queue>
--       queue         queue:<queue>
--       running       runs:running
--       completed     runs:completed
--       failed        runs:failed
--       parked        runs:parked
--       cancelled     runs:cancelled
--       ending        runs:ending
--       dead
--       delayed
--       parent_queue  queue:<queue> of the run that waits for this one, or any list
--       mail?         mail:<id>; absent, as what follows, unless the function has waited for events
--       events...     event:<name> and kept:<name> for each wait that is opened
-- ARGV  id
--       worker
--       number
--       text        of the turn
--       generation
--       upto        up to which outcome the function has received them
--       slots
--       is_last     '1' if this is the last page
--       ending      '', 'completed', 'failed', 'cancelled', 'continued'; if this is not the last page, the plan names nothing of what is left
--       result      output, error, or the input to begin anew with, as JSON
--       queue
--       plan...     how many openings, then for each: number, step, '1' if withdrawn, its time limits, what it waits for ('' for a step with a
--                   body, 'sleep', 'waitForEvent <name> <n>', KEYS[n] being event:<name>, or 'child <id> <workflow>' for a body that makes
--                   a child which is to end with the run)
--                   how many closings, then each step
--                   how many steps whose limits do not matter any more, then each
--                   how many of the steps that it no longer waits for leave something outside the run, then for each: step, the work item that
--                   ends it
--                   the run's patches, '' for no change
--                   how many bytes a run's outcomes may take
--                   '1' if the function waits for all of its open steps before it can go on, unless one of them fails
-- Reply {'inline', step, attempt, lost}: the turn goes on, this is the only open step and its body the caller's;
--       {'more', opened, recorded, delivered, page}: the turn stays; {'released', text...}: the turn ended, the texts are claims of the caller;
--       {'gone', text...}: the same of a caller who does not hold the turn, and may never have;
--       {'paused', text...}: as released, and nothing was opened, closed or ended;
--       {'finished', how, if this turn was the last, else ''}; {'continued', 1 if by this call}: the run has begun anew, or was
--       removed: the caller's generation is over; {'ending', text}: the run's end is decided, and the text is the caller's claim to write it
--       (end_page);
--       {'reset'}: the history is shorter than `upto`
-- Guarantees: only the holder of the turn changes anything; openings below `opened` are not repeated, so it may arrive twice and late.
local run_key, steps_key, open_key, join_key, claimed_key, queue_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local running_key, completed_key, failed_key, parked_key, cancelled_key, ending_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local dead_key, delayed_key, parent_queue_key, mail_key = KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local key_list, events_at = KEYS, 17
local id, worker, number, text, generation, upto, slots = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local is_last, ending, result, queue = ARGV[8] == '1', ARGV[9], ARGV[10], ARGV[11]
local arg_list, plan_at = ARGV, 12
local keys = {
  run = run_key, steps = steps_key, open = open_key, join = join_key, claimed = claimed_key, queue = queue_key, running = running_key,
  completed = completed_key, failed = failed_key, parked = parked_key, cancelled = cancelled_key, ending = ending_key, dead = dead_key,
  delayed = delayed_key, parent_queue = parent_queue_key, mail = mail_key, listed = key_list, events_at = events_at,
}
local call = {
  run = read_run(run_key), keys = keys, id = id, worker = worker, number = tonumber(number), text = text, generation = generation,
  upto = upto, slots = slots, is_last = is_last, ending = ending, result = result, queue = queue,
}
local run = call.run
if not run or run.generation ~= generation then return { 'continued', 0 } end
if not is_live(run) then return finished_reply(call) end
if not holds_turn(run, worker, number) then return stale_reply(call) end
if upto > run.recorded then return { 'reset' } end
if run.status == 'paused' then return put_aside(call) end
local plan = read_plan(call, arg_list, plan_at)
if ending == '' and opens_one(call, plan) and is_nothing_open(call) then
  -- A run's first step, or the one behind a join.
  local step = plan.openings[1].step
  local refused = first_write(run_key, 'HSET', run_key, 'opened', run.opened + 1, 'inline', step, 'delivered', upto)
  if refused then return refused end
  redis.call('SET', join_key, 1)
  keep_patches(run_key, plan)
  return { 'inline', step, 1, 0 }
end
check_keys(keys, plan)
if already_applied(call, plan) then return inline_reply(call) end
if ending == 'continued' and run.recorded > upto then return more_reply(run, steps_key, upto) end
if ending == 'continued' then return renew(call, plan) end
if ending ~= '' then return finish(call, plan) end
return apply_plan(call, plan)
