-- cancel: a run is to end. Of one that has begun, the function learns of it as of an outcome; one that nobody takes forward (it waits in
-- a queue for its first turn, for a person, or for other code) ends at once.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 queue:<queue>  6 meta  7 runs:cancelled
--       8 runs:queued  9 runs:running  10 runs:unserved  11 runs:parked  12 unfit:<workflow>  13 runs:paused
--       14 queue:<queue> of the run that waits for it, or any list  15 unserved:<workflow>
--       16 claimed:<worker>:<queue>, for a worker  17 delayed
-- ARGV  1 id  2 reason  3 text of the claim, '' for a person  then, for a worker  4 the step that made the run: '<run> <generation> <step>'
--       5 the run's workflow, '-' if it was made for certain
-- Reply {'requested'}; {'ended'}: it is cancelled now; {'already'}: it was requested before; {'over', status}: it has ended, nothing
--       was changed; {'missing'}; {'stale'}: the claim is not the caller's
-- Guarantees: one request for a run, one end; sent again, it changes nothing. A child that was not made yet is made here, as one that was
--       cancelled: whoever is about to make it finds it. The child of another step is left alone.
local run = read_run(KEYS[1])
local by_parent = ARGV[3] ~= ''
if by_parent then
  if not redis.call('LPOS', KEYS[16], ARGV[3]) then return { 'stale' } end
  local is_child = run and run.parent == ARGV[4]
  local is_requested = is_child and run.status == 'running' and redis.call('HEXISTS', KEYS[1], 'cancelled') == 1
  if run and (not is_child or not is_live(run) or is_requested) or not run and ARGV[5] == '-' then
    redis.call('LREM', KEYS[16], -1, ARGV[3])
    return { 'already' }
  end
end
if not run and not by_parent then return { 'missing' } end
if not run then
  local time = now()
  redis.call('LREM', KEYS[16], -1, ARGV[3])
  redis.call('HSET', KEYS[1], 'workflow', ARGV[5], 'queue', string.match(KEYS[5], '}:queue:(.+)$'), 'payload', 'null', 'status', 'cancelled',
    'generation', time, 'turn', '', 'created', time, 'ended', time, 'parent', ARGV[4], 'cancelled', ARGV[2],
    'error', '{"type":"CancellationError","message":' .. cjson.encode(ARGV[2]) .. '}')
  redis.pcall('ZADD', KEYS[7], time, ARGV[1])
  return { 'ended' }
end
if not is_live(run) then return { 'over', run.status } end
if run.status == 'running' and redis.call('HEXISTS', KEYS[1], 'cancelled') == 1 then return { 'already' } end
redis.call('LLEN', KEYS[5])
redis.call('HLEN', KEYS[2])
redis.call('HLEN', KEYS[6])
check_parent(run, KEYS[14])
local time, reason = now(), cjson.encode(ARGV[2])
local cancels = run.status ~= 'running' and ending_texts(run, ARGV[1], KEYS[3])
if by_parent then redis.call('LREM', KEYS[16], -1, ARGV[3]) end
if run.status ~= 'running' then
  redis.call('UNLINK', KEYS[3], KEYS[4])
  redis.call('HDEL', KEYS[1], 'reason', 'divergence')
  redis.call('HSET', KEYS[1], 'status', 'cancelled', 'cancelled', ARGV[2], 'ended', time, 'turn', '', 'inline', '',
    'error', '{"type":"CancellationError","message":' .. reason .. '}')
  redis.pcall('ZREM', KEYS[({ queued = 8, unserved = 10, parked = 11, paused = 13 })[run.status]], ARGV[1])
  redis.pcall('HDEL', KEYS[12], ARGV[1])
  -- Where no worker has the workflow, nobody else would ever drop it.
  if run.turn == 'unserved' then redis.pcall('LREM', KEYS[15], 1, turn_text(ARGV[1], run.generation)) end
  if run.turns == 0 then redis.pcall('ZREM', KEYS[17], start_entry(KEYS[5], ARGV[1], run.generation)) end
  redis.pcall('ZADD', KEYS[7], time, ARGV[1])
  redis.pcall('HINCRBY', KEYS[6], 'cancels', 1)
  call_in_bites('RPUSH', KEYS[5], cancels)
  announce_end(run, ARGV[1], KEYS[1], KEYS[14])
  return { 'ended' }
end
redis.call('HDEL', KEYS[1], '-')
run.recorded = run.recorded + 1
redis.call('HSET', KEYS[2], run.recorded, '{"step":"","at":' .. time .. ',"cancel":' .. reason .. '}')
redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'cancelled', ARGV[2])
if run.turn == '' then
  redis.call('HSET', KEYS[1], 'turn', 'queue')
  redis.call('RPUSH', KEYS[5], turn_text(ARGV[1], run.generation))
end
-- Workers look through what they hold when they see another number here.
redis.pcall('HINCRBY', KEYS[6], 'cancels', 1)
return { 'requested' }
