-- resume: a parked or paused run goes on: its held steps and a turn are queued. For a person, or by a worker with a version of the
-- workflow that has not tried it yet: that one gets the turn.
-- KEYS  1 run:<id>  2 open:<id>  3 queue:<queue>  4 runs:parked  5 runs:running  6 unfit:<workflow>  7 runs:paused  8 runs:queued
--       9 runs:unserved  10 claimed:<worker>:<queue>, for a worker
-- ARGV  1 id  2 cursor of the page of open steps  3 the worker's version, '' for a person
-- Reply {'more', cursor}; {'resumed', text}: the turn's text if it is the worker's now, else ''; {'not parked', status} ('' if there is no
--       such run): it is not, or not for this version
-- Guarantees: pages of about 100 steps; sent again, it queues nothing twice. A version that could not replay the run does not get it again,
--       until a person resumes it.
local run, version = read_run(KEYS[1]), ARGV[3]
if version ~= '' and (not run or run.status ~= 'parked') then
  redis.call('HDEL', KEYS[6], ARGV[1])
end
if not run then return { 'not parked', '' } end
if not is_held(run) then return { 'not parked', run.status } end
if version ~= '' and (has_word(run.unfit, version) or redis.call('HEXISTS', KEYS[6], ARGV[1]) == 0) then
  return { 'not parked', run.status }
end
redis.call('LLEN', KEYS[3])
if version ~= '' then redis.call('LLEN', KEYS[10]) end
-- A run that is being resumed is parked without a reason: what is queued below may be claimed at once.
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], 'reason', 'divergence', version == '' and 'unfit' or '-')
else
  redis.call('HDEL', KEYS[1], '-')
end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 100)
for n = 1, #page[2], 2 do
  local open = read_open(page[2][n + 1])
  if open and open.where == 'held' then
    redis.call('HSET', KEYS[2], page[2][n], open_text(open, 'item'))
    redis.call('RPUSH', KEYS[3], 'step ' .. ARGV[1] .. ' ' .. run.generation .. ' ' .. open.attempt .. ' ' .. page[2][n])
  end
end
if page[1] ~= '0' then return { 'more', page[1] } end
-- Parked again meanwhile: from the beginning.
if redis.call('HEXISTS', KEYS[1], 'reason') == 1 then return { 'more', '0' } end
redis.call('HDEL', KEYS[1], '-')
-- A run that was paused before it had begun, or while no worker could do it, stands there again.
local status, list = 'running', 5
if run.turn == 'unserved' then status, list = 'unserved', 9 elseif run.turns == 0 then status, list = 'queued', 8 end
redis.call('HSET', KEYS[1], 'status', status)
if status == 'unserved' then redis.call('HSET', KEYS[1], 'reason', 'no worker could do it before it was paused') end
local text = ''
local inline = run.turn == '' and find_open(run, KEYS[2], run.inline)
if inline then
  -- Its turn was put aside after the pages above were turned.
  redis.call('HSET', KEYS[2], run.inline, open_text(inline, 'item'))
  redis.call('HSET', KEYS[1], 'inline', '')
  redis.call('RPUSH', KEYS[3], 'step ' .. ARGV[1] .. ' ' .. run.generation .. ' ' .. inline.attempt .. ' ' .. run.inline)
end
if run.turn == '' then
  redis.call('HSET', KEYS[1], 'turn', 'queue')
  if version == '' then
    redis.call('RPUSH', KEYS[3], turn_text(ARGV[1], run.generation))
  else
    text = turn_text(ARGV[1], run.generation)
    redis.call('LPUSH', KEYS[10], text)
  end
end
redis.pcall('HDEL', KEYS[6], ARGV[1])
redis.pcall('ZREM', KEYS[run.status == 'parked' and 4 or 7], ARGV[1])
redis.pcall('ZADD', KEYS[list], now(), ARGV[1])
return { 'resumed', text }
