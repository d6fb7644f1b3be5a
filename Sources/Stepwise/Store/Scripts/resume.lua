-- resume: a parked run goes on: its parked steps and a carry are queued.
-- KEYS  1 run:<id>  2 open:<id>  3 queue:<queue>  4 runs:parked  5 runs:running
-- ARGV  1 id  2 cursor of the page of open steps
-- Reply {'more', cursor}; {'resumed'}; {'not parked', status} ('' if there is no such run)
-- Guarantees: pages of about 100 steps; sent again, it queues nothing twice.
local run = read_run(KEYS[1])
if not run then return { 'not parked', '' } end
if run.status ~= 'parked' then return { 'not parked', run.status } end
redis.call('LLEN', KEYS[3])
-- A run that is being resumed is parked without a reason: what is queued below may be claimed at once.
if ARGV[2] == '0' then redis.call('HDEL', KEYS[1], 'reason', 'divergence') end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', 100)
for n = 1, #page[2], 2 do
  local open = read_open(page[2][n + 1])
  if open and open.where == 'parked' then
    redis.call('HSET', KEYS[2], page[2][n], open_text(open, 'invocation'))
    redis.call('RPUSH', KEYS[3], 'step ' .. ARGV[1] .. ' ' .. run.generation .. ' ' .. open.attempt .. ' ' .. page[2][n])
  end
end
if page[1] ~= '0' then return { 'more', page[1] } end
-- Parked again meanwhile: from the beginning.
if redis.call('HEXISTS', KEYS[1], 'reason') == 1 then return { 'more', '0' } end
redis.call('HDEL', KEYS[1], '-')
redis.call('HSET', KEYS[1], 'status', 'running')
if run.carrier == '' then
  redis.call('HSET', KEYS[1], 'carrier', 'queue')
  redis.call('RPUSH', KEYS[3], carry_text(ARGV[1], run.generation))
end
redis.pcall('ZREM', KEYS[4], ARGV[1])
redis.pcall('ZADD', KEYS[5], now(), ARGV[1])
return { 'resumed' }
