-- retry_now: a person does not want to wait for the next attempt of a step that has failed: it goes from `delayed` to its queue, and is next.
-- KEYS  run      run:<id>
--       open     open:<id>
--       delayed
--       queue    queue:<queue>
-- ARGV  id
--       queue
--       step
-- Reply {'queued', attempt}; nothing was changed: {'ready', attempt, generation}: its work item waits for no time, it lies in a list;
--       {'elsewhere', text, turn}: something else moves the step, the text is that of open:<id> without failed attempts; {'closed'}: it is not
--       open; {'unbegun', startsAt or ''}; {'held', status}: the run is paused or parked; {'over', status}; {'missing'}
-- Guarantees: one mover for the step at every moment; sent again, it changes nothing. What the last failure says of its delay, and
--       the step of when it was queued, is true again.
local run_key, open_key, delayed_key, queue_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, queue, step = ARGV[1], ARGV[2], ARGV[3]
local run, more = read_run(run_key, { 'queue', 'startsAt' })
-- Another run may have come under the id since the caller has read its queue.
if not run or more[1] ~= queue then return { 'missing' } end
if not is_live(run) then return { 'over', run.status } end
if is_held(run) then return { 'held', run.status } end
local open = find_open(run, open_key, step)
if not open then return run.turns == 0 and { 'unbegun', more[2] or '' } or { 'closed' } end
if open.where ~= 'item' then
  open.rest = ''
  return { 'elsewhere', open_text(open, open.where), run.turn }
end
local text = step_text(id, run.generation, open.attempt, step)
local entry = queue .. ' ' .. text
redis.call('LLEN', queue_key)
if not redis.call('ZSCORE', delayed_key, entry) then return { 'ready', open.attempt, run.generation } end
need_right('HSET', open_key, step, '')
need_right('RPUSH', queue_key, '')
redis.call('ZREM', delayed_key, entry)
local lines, at = string.match(open.rest, '^(.*,"at":(%d+),"delay":)%d+}$')
if lines then open.rest = lines .. string.format('%.0f', math.max(0, now() - at)) .. '}' end
open.called = now()
redis.call('HSET', open_key, step, open_text(open, 'item'))
redis.call('RPUSH', queue_key, text)
return { 'queued', open.attempt }
