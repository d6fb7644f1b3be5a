-- The store puts this before notify and deliver. It is not a script of its own.
-- `keys`: run, steps, open, join, queue (the run's), delayed, mail, event and meta.

-- Whether an open step waits for this event, of which it says so itself.
local function waits_for(open, name)
  return open and open.kind == 'waitForEvent' and string.match(open.where, '^event:%d+:(.+)$') == name
end

-- What deliver writes to besides the run has the types that it must have.
local function check_delivery(keys)
  redis.call('HLEN', keys.steps)
  redis.call('LLEN', keys.queue)
end

-- The event is the outcome of the step that waits for it. `queue`: the run's.
local function deliver(run, id, queue, keys, step, open, name, value, by, max_bytes)
  close_step(run, keys.run, keys.open, keys.join, step)
  drop_step_limits(open, keys.delayed, queue, id, run.generation, step)
  local number = string.match(open.where, '^event:(%d+):')
  redis.pcall('ZREM', keys.mail, mail_waiter(name, run.generation, tonumber(number), step), name .. ' c')
  redis.pcall('ZREM', keys.event, event_waiter(queue, id, run.generation, step))
  local text = bounded_outcome(run, id, max_bytes, outcome_head(step, 'waitForEvent', nil, nil, by), nil, '"value":' .. value)
  append_outcome(run, keys.run, keys.steps, text, 'bytes', run.bytes)
  local is_held_back = run.turn ~= '' and run.turn ~= 'queue'
  queue_turn(run, id, keys.run, keys.queue)
  if is_held_back then redis.pcall('HINCRBY', keys.meta, 'cancels', 1) end
end
