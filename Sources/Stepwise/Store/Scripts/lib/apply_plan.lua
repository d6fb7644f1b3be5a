-- Put before advance and record_and_advance by the store; not a script of its own.
-- What both of them end with. KEYS and ARGV as in advance.lua; `base` is the index of the first opening in ARGV.

-- Reads the openings and closings that ARGV lists from `base` on.
local function read_plan(run, base)
  local plan, at = { openings = {}, closings = {}, unlimited = {}, cancels = {} }, base + 1
  for _ = 1, tonumber(ARGV[base]) do
    local opening = {
      number = tonumber(ARGV[at]), step = ARGV[at + 1], withdrawn = ARGV[at + 2] == '1', limits = ARGV[at + 3], wait = ARGV[at + 4],
    }
    plan.openings[#plan.openings + 1] = opening
    if opening.limits ~= '' then plan.isLimited = true end
    if opening.wait ~= '' then plan.waits = true end
    at = at + 5
  end
  for n = at + 1, at + tonumber(ARGV[at]) do plan.closings[#plan.closings + 1] = ARGV[n] end
  at = at + tonumber(ARGV[at]) + 1
  for n = at + 1, at + tonumber(ARGV[at]) do plan.unlimited[#plan.unlimited + 1] = limit_entry(KEYS[6], ARGV[1], ARGV[5], ARGV[n]) end
  at = at + tonumber(ARGV[at]) + 1
  -- A step that was closed before has cancelled its child.
  for n = at + 1, at + 2 * tonumber(ARGV[at]), 2 do
    if find_open(run, KEYS[3], ARGV[n]) then plan.cancels[#plan.cancels + 1] = ARGV[n + 1] end
  end
  at = at + 2 * tonumber(ARGV[at]) + 1
  plan.patches, plan.most, plan.joins = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  return plan
end

-- What a plan is going to write to has the types that it must have.
local function check_keys(plan)
  redis.call('LLEN', KEYS[6])
  if plan.isLimited then redis.call('ZCARD', KEYS[13]) end
  if plan.waits or KEYS[15] then redis.call('HLEN', KEYS[2]) end
  if not KEYS[15] then return end
  redis.call('ZCARD', KEYS[15])
  for n = 16, #KEYS, 2 do
    redis.call('ZCARD', KEYS[n])
    redis.call('STRLEN', KEYS[n + 1])
  end
end

-- Whether a plan asks for nothing but one more step, which has nothing to tell.
local function opens_one(call, plan)
  local opening = plan.openings[1]
  return #plan.openings == 1 and #plan.closings == 0 and #plan.unlimited == 0 and #plan.cancels == 0 and call.last
    and opening.number == call.run.opened and not opening.withdrawn and opening.limits == '' and opening.wait == ''
end

-- Whether the function has had all that is recorded, and waits for nothing that is open.
local function is_nothing_open(call)
  local run = call.run
  if run.recorded ~= call.upto or run.inline ~= '' or noted_mail(run) ~= '' then return false end
  return run.opened == 0 and run.delivered == '' or redis.call('HLEN', KEYS[3]) == 0
end

-- Patches that the function has asked for on the way here.
local function keep_patches(plan)
  if plan.patches ~= '' then redis.call('HSET', KEYS[1], 'patches', plan.patches) end
end

-- The run has ended; how, if the caller's turn was its last.
local function finished_reply(run, ending)
  return { 'finished', ending or run.turns == tonumber(ARGV[3]) and run.status or '' }
end

-- Takes entries out of `delayed`. Whatever that key is, it keeps nothing from happening: an entry that stays is obsolete.
local function drop_limits(entries)
  for first = 1, #entries, 1000 do
    redis.pcall('ZREM', KEYS[13], unpack(entries, first, math.min(first + 999, #entries)))
  end
end

-- Ends the run. The caller holds the turn.
local function finish(call, plan)
  check_parent(call.run, KEYS[14])
  if #plan.cancels > 0 then redis.call('LLEN', KEYS[6]) end
  redis.call('UNLINK', KEYS[3], KEYS[4])
  if call.record then
    -- If the history's key is of another type, nothing has happened: the only open step is the turn holder's inline step.
    local reply = redis.pcall('HSET', KEYS[2], call.run.recorded, call.record)
    if type(reply) == 'table' and reply.err then
      if call.open then redis.call('HSET', KEYS[3], call.run.inline, open_text(call.open, 'inline')) end
      redis.call('SET', KEYS[4], 1)
      return reply
    end
  end
  redis.call('LREM', KEYS[5], -1, call.text)
  local time = now()
  keep_patches(plan)
  redis.call('HSET', KEYS[1], 'status', call.ending, call.ending == 'completed' and 'output' or 'error', call.result,
    'ended', time, 'turn', '', 'inline', '', 'recorded', call.run.recorded, 'bytes', call.run.bytes)
  redis.pcall('ZREM', KEYS[call.run.status == 'parked' and 10 or 7], call.id)
  redis.pcall('ZADD', KEYS[({ completed = 8, failed = 9, cancelled = 11 })[call.ending]], time, call.id)
  if call.ending == 'failed' then redis.pcall('ZADD', KEYS[12], time, call.id) end
  if call.run.deadline ~= '' then table.insert(plan.unlimited, limit_entry(KEYS[6], call.id, call.generation, '')) end
  drop_limits(plan.unlimited)
  call_in_bites('RPUSH', KEYS[6], plan.cancels)
  announce_end(call.run, call.id, KEYS[1], KEYS[14], call.ending, call.result)
  return finished_reply(call.run, call.ending)
end

-- The run begins anew: the same id, the next generation, no history. The caller holds the turn, and its function has had all that was recorded.
local function renew(call, plan)
  local run, deadline = call.run, tonumber(call.run.deadline)
  local continued = (tonumber(redis.call('HGET', KEYS[1], 'continued')) or 0) + 1
  redis.call('LLEN', KEYS[6])
  if deadline then redis.call('ZCARD', KEYS[13]) end
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
  redis.call('LREM', KEYS[5], -1, call.text)
  redis.call('HDEL', KEYS[1], 'inline', 'delivered', 'lost', 'reason', 'divergence', 'unfit', 'patches', 'children', 'listens', 'joins')
  local generation = string.format('%.0f', math.max(tonumber(now()), string.match(run.generation, '^%d+') + 1))
  -- `turns` goes on: by its number every call of the generation before is known to be late.
  redis.call('HSET', KEYS[1], 'generation', generation, 'status', 'running', 'payload', call.result, 'turn', 'queue', 'opened', 0,
    'recorded', 0, 'bytes', 0, 'continued', continued)
  redis.call('RPUSH', KEYS[6], turn_text(call.id, generation))
  if run.status ~= 'running' then
    redis.pcall('ZREM', KEYS[10], call.id)
    redis.pcall('ZADD', KEYS[7], now(), call.id)
  end
  if deadline then
    table.insert(plan.unlimited, limit_entry(KEYS[6], call.id, call.generation, ''))
    redis.call('ZADD', KEYS[13], run.deadline, limit_entry(KEYS[6], call.id, generation, ''))
  end
  drop_limits(plan.unlimited)
  call_in_bites('RPUSH', KEYS[6], plan.cancels)
  return { 'continued', 1 }
end

-- The run is paused: the turn goes, and nothing is opened. A body that may run inline becomes a claimed step's.
local function put_aside(call)
  local run, reply = call.run, { 'paused' }
  local inline = find_open(run, KEYS[3], run.inline)
  redis.call('LREM', KEYS[5], -1, call.text)
  if inline then
    redis.call('HSET', KEYS[3], run.inline, open_text(inline, 'item'))
    reply[2] = 'step ' .. call.id .. ' ' .. call.generation .. ' ' .. inline.attempt .. ' ' .. run.inline
    redis.call('LPUSH', KEYS[5], reply[2])
  end
  redis.call('HSET', KEYS[1], 'turn', '', 'inline', '')
  return reply
end

-- What a step that waits for an event finds: the oldest message of that name to its run, or an event that was kept; nil for nothing. A
-- message is taken only if its step is next to have an outcome, and nobody waits longer: else the step may be given up before it learns of
-- it, and the message is noted.
local function find_event(call, name, index)
  local message = redis.call('ZRANGEBYLEX', KEYS[15], '[' .. name .. ' m ', '(' .. name .. ' m!', 'LIMIT', 0, 1)[1]
  if message and call.run.recorded == call.upto and not has_word(noted_mail(call.run), name) then
    redis.call('ZREM', KEYS[15], message, name .. ' c')
    return string.match(message, '^%S+ m %d+ (.*)$')
  end
  local till, value = string.match(redis.call('GET', KEYS[index + 1]) or '', '^(%d+) (.*)$')
  if till and tonumber(till) > tonumber(now()) then return value end
  if message then note_mail(call.run, KEYS[1], name) end
  return nil, message ~= nil
end

-- The outcome of a step that nobody executes.
local function append_wait_end(call, plan, step, kind, tail)
  local run = call.run
  run.recorded = run.recorded + 1
  local head = '{"step":' .. cjson.encode(step) .. ',"kind":"' .. kind .. '","claim":' .. cjson.encode(call.worker)
  redis.call('HSET', KEYS[2], run.recorded, (bounded_outcome(run, call.id, plan.most, head, nil, tail)))
  redis.call('HSET', KEYS[1], 'recorded', run.recorded, 'bytes', run.bytes)
end

-- Opens a step that nobody executes: it waits in the mailbox, in the event's list and in `delayed`, all at once. What is there already, or
-- due, is its outcome at once.
local function open_wait(call, plan, opening, opens, limits)
  local run, step = call.run, opening.step
  local kind, name, index = string.match(opening.wait, '^(%S+) ?(%S*) ?(%d*)$')
  local open, tail = new_open(opening.limits, kind), nil
  local value, is_noted
  if kind ~= 'sleep' then value, is_noted = find_event(call, name, tonumber(index)) end
  if value then
    tail = '"value":' .. value
  elseif not is_noted and open.limits ~= '' and limit_of(open, 'wake') <= tonumber(now()) then
    tail = wait_end(kind, name)
  end
  if tail then return append_wait_end(call, plan, step, kind, tail) end
  local place = 'timer'
  if kind ~= 'sleep' then
    place = 'event:' .. opening.number .. ':' .. name
    local queue = string.match(KEYS[6], '}:queue:(.+)$')
    redis.call('ZADD', KEYS[15], 0, mail_waiter(name, call.generation, opening.number, step))
    redis.call('ZADD', KEYS[tonumber(index)], now_exactly(), event_waiter(queue, call.id, call.generation, step))
    if run.listens == '' then
      redis.call('HSET', KEYS[1], 'listens', '1')
      run.listens = '1'
    end
  end
  opens[#opens + 1] = step
  opens[#opens + 1] = open_text(open, place)
  if open.limits ~= '' then
    limits[#limits + 1] = next_limit(open)
    limits[#limits + 1] = limit_entry(KEYS[6], call.id, call.generation, step)
  end
end

-- The oldest message of a name for which a step waits, and that step: the one that waits longest. Entries of steps that do not wait go.
local function find_pair(run, name)
  local message = redis.call('ZRANGEBYLEX', KEYS[15], '[' .. name .. ' m ', '(' .. name .. ' m!', 'LIMIT', 0, 1)[1]
  while message do
    local waiter = redis.call('ZRANGEBYLEX', KEYS[15], '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 1)[1]
    if not waiter then return nil end
    local generation, step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
    local open = generation == run.generation and read_open(redis.call('HGET', KEYS[3], step))
    if open and open.kind == 'waitForEvent' then
      local number, value = string.match(message, '^%S+ m (%d+) (.*)$')
      return { message = message, number = tonumber(number), value = value, waiter = waiter, step = step, open = open }
    end
    redis.call('ZREM', KEYS[15], waiter)
  end
  return nil
end

-- The function has come to rest, and there was mail meanwhile: the oldest message for which a step waits is that one's outcome. One at a
-- time: after it the function may no longer wait for another.
local function read_mail(call, plan)
  local run, looked, first, names = call.run, 0, nil, {}
  for name in string.gmatch(noted_mail(run), '%S+') do
    -- They are noted as they come: the oldest is among the first.
    local is_left = first and looked >= 100
    local pair = not is_left and find_pair(run, name)
    looked = looked + 1
    if pair and (not first or pair.number < first.number) then first = pair end
    if pair or is_left then names[#names + 1] = name .. ' ' end
  end
  run.listens = #names > 0 and '2 ' .. table.concat(names) or '1'
  redis.call('HSET', KEYS[1], 'listens', run.listens)
  if not first then return end
  redis.call('ZREM', KEYS[15], first.message, first.waiter, string.match(first.message, '^%S+') .. ' c')
  redis.call('HDEL', KEYS[3], first.step)
  if first.open.limits ~= '' then redis.pcall('ZREM', KEYS[13], limit_entry(KEYS[6], call.id, run.generation, first.step)) end
  redis.call('RPUSH', KEYS[6], withdraw_text(call.id, run.generation, first.step, first.open.where))
  append_wait_end(call, plan, first.step, first.open.kind, '"value":' .. first.value)
end

-- Opens and closes what the plan says; then the turn stays, goes on with the one open step, or ends.
-- `call`: id, worker, text, generation, upto, slots, last, inline (the step that was open inline, or '').
local function apply_plan(call, plan)
  local run, opens, new, limits = call.run, {}, {}, {}
  redis.call('HDEL', KEYS[1], 'inline')
  keep_patches(plan)
  for _, opening in ipairs(plan.openings) do
    if opening.number == run.opened then
      run.opened = run.opened + 1
      if opening.wait ~= '' and not opening.withdrawn then
        open_wait(call, plan, opening, opens, limits)
      elseif not opening.withdrawn then
        local open = new_open(opening.limits)
        opens[#opens + 1] = opening.step
        opens[#opens + 1] = open_text(open, 'item')
        new[#new + 1] = { step = opening.step, open = open }
        if open.limits ~= '' then
          limits[#limits + 1] = next_limit(open)
          limits[#limits + 1] = limit_entry(KEYS[6], call.id, call.generation, opening.step)
        end
      end
    end
  end
  for _, step in ipairs(plan.closings) do
    if step == run.inline then run.inline = '' end
  end
  call_in_bites('HDEL', KEYS[3], plan.closings)
  call_in_bites('HSET', KEYS[3], opens)
  call_in_bites('ZADD', KEYS[13], limits)
  drop_limits(plan.unlimited)
  call_in_bites('RPUSH', KEYS[6], plan.cancels)
  if call.last and run.recorded == call.upto and noted_mail(run) ~= '' and KEYS[15] then read_mail(call, plan) end
  local ends = call.last and run.recorded == call.upto
  local inline = find_open(run, KEYS[3], run.inline)
  if inline and ends then
    table.insert(new, 1, { step = run.inline, open = inline, was_inline = true })
  elseif inline then
    -- Its body may run at the turn's holder all the while.
    redis.call('HSET', KEYS[1], 'inline', run.inline)
  end
  local count = count_open(run, KEYS[3])
  if count > 0 then redis.call('SET', KEYS[4], count) else redis.call('DEL', KEYS[4]) end

  if ends and count == 1 and #new == 1 then
    local step = new[1]
    place_open(KEYS[3], step.step, step.open, 'inline')
    redis.call('HSET', KEYS[1], 'opened', run.opened, 'inline', step.step, 'delivered', call.upto)
    return { 'inline', step.step, step.open.attempt, step.open.lost }
  end
  local queued, kept, reply = {}, {}, {}
  for _, step in ipairs(new) do
    if step.was_inline then redis.call('HSET', KEYS[3], step.step, open_text(step.open, 'item')) end
    local text = 'step ' .. call.id .. ' ' .. call.generation .. ' ' .. step.open.attempt .. ' ' .. step.step
    local place = ends and #kept < call.slots and kept or queued
    place[#place + 1] = text
  end
  -- The left end is the newest: pushed in reverse, the first step of the fan-out is the next to be claimed.
  local reversed = {}
  for n = #queued, 1, -1 do reversed[#reversed + 1] = queued[n] end
  call_in_bites('RPUSH', KEYS[6], reversed)
  if not ends then
    -- What a later page opens was called before the next outcome, too.
    redis.call('HSET', KEYS[1], 'opened', run.opened, 'delivered', call.last and call.upto or run.delivered)
    return { 'more', run.opened, run.recorded, run.delivered, outcomes_after(KEYS[2], call.upto, run.recorded) }
  end
  redis.call('LREM', KEYS[5], -1, call.text)
  call_in_bites('LPUSH', KEYS[5], kept)
  redis.call('HSET', KEYS[1], 'opened', run.opened, 'delivered', call.upto, 'turn', '')
  if plan.joins ~= run.joins then redis.call('HSET', KEYS[1], 'joins', plan.joins) end
  reply[1] = 'released'
  for _, text in ipairs(kept) do reply[#reply + 1] = text end
  return reply
end

-- The answer to a call whose sender no longer holds the turn: what this worker still holds for the run. `gone`: it is not known that an
-- earlier sending of the call did what it asks for.
local function stale_reply(call)
  if not is_live(call.run) then return finished_reply(call.run) end
  local run = call.run
  local is_done = run.turns == tonumber(ARGV[3]) and (tonumber(run.delivered) or -1) >= call.upto
  local reply = { run.status == 'paused' and 'paused' or is_done and 'released' or 'gone' }
  local prefix = 'step ' .. call.id .. ' ' .. call.generation .. ' '
  for _, text in ipairs(redis.call('LRANGE', KEYS[5], 0, 999)) do
    if string.sub(text, 1, #prefix) == prefix then reply[#reply + 1] = text end
  end
  return reply
end

-- Whether the plan was applied by an earlier sending and the turn went on with the one open step.
local function already_applied(call, plan)
  if #plan.openings == 0 or plan.openings[1].number >= call.run.opened then return false end
  return call.run.inline ~= '' and call.run.recorded == call.upto and count_open(call.run, KEYS[3]) == 1
end

local function inline_reply(run)
  local open = find_open(run, KEYS[3], run.inline)
  return { 'inline', run.inline, open.attempt, open.lost }
end
