-- resume: a parked or paused run goes on: its held steps and a turn are queued. For a person, or by a worker with a version of the
-- workflow that has not tried it yet: that one gets the turn.
-- KEYS  run       run:<id>
--       open      open:<id>
--       queue     queue:<queue>
--       parked    runs:parked
--       running   runs:running
--       unfit     unfit:<workflow>
--       paused    runs:paused
--       queued    runs:queued
--       unserved  runs:unserved
--       waiting_pushed    waiting:pushed:<queue>
--       waiting_enqueued  waiting:enqueued
--       pushed_queues     pushed:queues
--       claimed?  claimed:<worker>:<queue>, for a worker
-- ARGV  id
--       version  the worker's version, '' for a person
--       is_next  '1' for a page after the caller's first
-- Reply {'more'}: another page; {'resumed', text}: the turn's text if it is the worker's now, else ''; {'not parked', status} ('' if there is
--       no such run): it is not, or not for this version, or it was parked again meanwhile
-- Guarantees: pages of about 100 steps; sent again, it queues nothing twice. The run notes how far the pages have come, so whoever resumes it
--       goes on there. Once it is resumed nothing of it is held, whatever became of Redis between two pages. A version that could not replay
--       the run does not get it again, until a person resumes it.
local run_key, open_key, queue_key, parked_key, running_key, unfit_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local paused_key, queued_key, unserved_key, waiting_pushed_key, waiting_enqueued_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local pushed_queues_key, claimed_key = KEYS[12], KEYS[13]
local id, version, is_next = ARGV[1], ARGV[2], ARGV[3] == '1'
local run, more = read_run(run_key, { 'created', 'pushed', 'queue', 'reason', 'resuming' })
if version ~= '' and (not run or run.status ~= 'parked') then
  redis.call('HDEL', unfit_key, id)
end
if not run then return { 'not parked', '' } end
if not is_held(run) then return { 'not parked', run.status } end
if version ~= '' and (has_word(run.unfit, version) or redis.call('HEXISTS', unfit_key, id) == 0) then
  return { 'not parked', run.status }
end
-- A run that is being resumed is parked without a reason. If there is one, the pages begin: it was parked again meanwhile. A worker looks
-- again later: another one, with older code, may park it again and again.
local begins = more[4]
if begins and is_next and version ~= '' then return { 'not parked', run.status } end
redis.call('LLEN', queue_key)
if version ~= '' then redis.call('LLEN', claimed_key) end
-- A cursor means something to the Redis process alone that gave it: another one walks in another order, and the pages begin.
local process = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or ''
local noted_process, cursor = string.match(not begins and more[5] or '', '^(%x*) (%d+)$')
if noted_process ~= process then cursor = '0' end
local page = redis.call('HSCAN', open_key, cursor, 'COUNT', 100)
-- What is queued below may be claimed at once.
redis.call('HDEL', run_key, 'reason', 'divergence', version == '' and 'unfit' or '-')
for n = 1, #page[2], 2 do
  local open = read_open(page[2][n + 1])
  if open and open.where == 'held' then
    open.called = now()
    redis.call('HSET', open_key, page[2][n], open_text(open, 'item'))
    redis.call('RPUSH', queue_key, step_text(id, run.generation, open.attempt, page[2][n]))
  end
end
if page[1] ~= '0' then
  redis.call('HSET', run_key, 'resuming', process .. ' ' .. page[1])
  return { 'more' }
end
redis.call('HDEL', run_key, 'resuming')
-- A run that was paused before it had begun, or while no worker could do it, stands there again.
local status = 'running'
if run.turn == 'unserved' then status = 'unserved' elseif run.turns == 0 then status = 'queued' end
redis.call('HSET', run_key, 'status', status)
if status == 'unserved' then
  redis.call('HSET', run_key, 'reason', 'no worker could do it before it was paused')
  -- As set_unserved does, which may have found it paused.
  local lists = { run = run_key, pushed = waiting_pushed_key, queues = pushed_queues_key, enqueued = waiting_enqueued_key }
  note_waiting(run, id, lists, more[1], more[2], more[3])
end
local text = ''
local inline = run.turn == '' and find_open(run, open_key, run.inline)
if inline then
  -- Its turn was put aside after the pages above were turned.
  inline.called = now()
  redis.call('HSET', open_key, run.inline, open_text(inline, 'item'))
  redis.call('HSET', run_key, 'inline', '')
  redis.call('RPUSH', queue_key, step_text(id, run.generation, inline.attempt, run.inline))
end
if run.turn == '' then
  redis.call('HSET', run_key, 'turn', 'queue')
  if version == '' then
    redis.call('RPUSH', queue_key, turn_text(id, run.generation))
  else
    text = turn_text(id, run.generation)
    redis.call('LPUSH', claimed_key, text)
  end
end
redis.pcall('HDEL', unfit_key, id)
local keys = { parked = parked_key, paused = paused_key, queued = queued_key, running = running_key, unserved = unserved_key }
move_status(keys, id, run.status, status)
return { 'resumed', text }
