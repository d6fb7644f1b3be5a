-- Put before notify and deliver by the store; not a script of its own.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5 queue:<queue> of the run  6 delayed  7 mail:<id>  8 event:<name>  9 meta

-- Whether an open step waits for this event, of which it says so itself.
local function waits_for(open, name)
  return open and open.kind == 'waitForEvent' and string.match(open.where, '^event:%d+:(.+)$') == name
end

-- What deliver writes to besides the run has the types that it must have.
local function check_delivery()
  redis.call('HLEN', KEYS[2])
  redis.call('LLEN', KEYS[5])
end

-- The event is the outcome of the step that waits for it.
local function deliver(run, id, step, open, name, value, by, most)
  redis.call('HDEL', KEYS[3], step)
  redis.pcall('DECR', KEYS[4])
  if open.limits ~= '' then redis.pcall('ZREM', KEYS[6], limit_entry(KEYS[5], id, run.generation, step)) end
  local queue, number = string.match(KEYS[5], '}:queue:(.+)$'), string.match(open.where, '^event:(%d+):')
  redis.pcall('ZREM', KEYS[7], mail_waiter(name, run.generation, tonumber(number), step), name .. ' c')
  redis.pcall('ZREM', KEYS[8], event_waiter(queue, id, run.generation, step))
  run.recorded = run.recorded + 1
  local head = '{"step":' .. cjson.encode(step) .. ',"kind":"waitForEvent","claim":' .. cjson.encode(by)
  local text = bounded_outcome(run, id, most, head, nil, '"value":' .. value)
  redis.call('HSET', KEYS[2], run.recorded, text)
  redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
  local is_held_back = run.turn ~= '' and run.turn ~= 'queue'
  queue_turn(run, id, KEYS[1], KEYS[5])
  if is_held_back then redis.pcall('HINCRBY', KEYS[9], 'cancels', 1) end
end
