-- The store puts this before advance and record_and_advance, which both end with it. It is not a script of its own.
-- `call`: what the script was asked. run: as read; id, worker, number, text, generation, upto, slots, is_last, ending, result, queue: its
-- arguments;
-- keys: its keys by their names, all of them in `listed`, those of events from `events_at` on. record_and_advance adds `record` and `open`,
-- what it writes at the run's end and the step that ends with it.

-- Reads the plan that a list of arguments holds from an index on.
local function read_plan(call, list, plan_at)
  local plan, at = { openings = {}, closings = {}, unlimited = {}, cancels = {} }, plan_at + 1
  for _ = 1, tonumber(list[plan_at]) do
    local opening = {
      number = tonumber(list[at]), step = list[at + 1], withdrawn = list[at + 2] == '1', limits = list[at + 3], wait = list[at + 4],
    }
    plan.openings[#plan.openings + 1] = opening
    if opening.limits ~= '' then plan.isLimited = true end
    if opening.wait ~= '' then
      local child, workflow = string.match(opening.wait, '^child (%S+) (%S+)$')
      if child then opening.wait, opening.kind = '', child_kind(child, workflow) else plan.waits = true end
    end
    at = at + 5
  end
  for n = at + 1, at + tonumber(list[at]) do plan.closings[#plan.closings + 1] = list[n] end
  at = at + tonumber(list[at]) + 1
  for n = at + 1, at + tonumber(list[at]) do
    plan.unlimited[#plan.unlimited + 1] = limit_entry(call.queue, call.id, call.generation, list[n])
  end
  at = at + tonumber(list[at]) + 1
  -- A step that was closed before has cancelled its child.
  for n = at + 1, at + 2 * tonumber(list[at]), 2 do
    if find_open(call.run, call.keys.open, list[n]) then plan.cancels[#plan.cancels + 1] = list[n + 1] end
  end
  at = at + 2 * tonumber(list[at]) + 1
  plan.patches, plan.max_bytes, plan.joins = list[at], list[at + 1], list[at + 2]
  return plan
end

-- What a plan is going to write to has the types that it must have.
local function check_keys(keys, plan)
  redis.call('LLEN', keys.queue)
  if plan.isLimited then redis.call('ZCARD', keys.delayed) end
  if plan.waits or keys.mail then redis.call('HLEN', keys.steps) end
  if not keys.mail then return end
  redis.call('ZCARD', keys.mail)
  for n = keys.events_at, #keys.listed, 2 do
    redis.call('ZCARD', keys.listed[n])
    redis.call('STRLEN', keys.listed[n + 1])
  end
end

-- Whether a plan asks for nothing but one more step, which has nothing to tell.
local function opens_one(call, plan)
  local opening = plan.openings[1]
  return #plan.openings == 1 and #plan.closings == 0 and #plan.unlimited == 0 and #plan.cancels == 0 and call.is_last
    and opening.number == call.run.opened and not opening.withdrawn and opening.limits == '' and opening.wait == ''
    and not opening.kind
end

-- Whether the function has received every recorded outcome, and waits for nothing that is open.
local function is_nothing_open(call)
  local run = call.run
  if run.recorded ~= call.upto or run.inline ~= '' or noted_mail(run) ~= '' then return false end
  return run.opened == 0 and run.delivered == '' or redis.call('HLEN', call.keys.open) == 0
end

-- Patches that the function has asked for on the way here.
local function keep_patches(run_key, plan)
  if plan.patches ~= '' then redis.call('HSET', run_key, 'patches', plan.patches) end
end

-- The run has ended; how, if the caller's turn was its last. Of one that is ending the caller may hold the mover, and tells of the end if it
-- comes to it.
local function finished_reply(call, ending)
  local run, keys = call.run, call.keys
  if run.status == 'ending' then
    local text = end_text(call.id, call.generation)
    if prove_claim(keys.claimed, text) then return { 'ending', text } end
    if redis.call('HGET', keys.run, 'ending') == 'continued' then return { 'continued', 0 } end
    return { 'finished', '' }
  end
  return { 'finished', ending or run.turns == call.number and run.status or '' }
end

-- The caller, who holds the turn, has the run's end decided, and gets its mover for it. `turns` rises: no second sending of the call is
-- told the end, which whoever writes the last page tells.
-- `fields`: names and values that say how it ends.
local function decide_end(call, plan, ending, limits, fields)
  local run, keys = call.run, call.keys
  if call.record then
    -- It was to close the inline step.
    redis.call('HDEL', keys.open, run.inline)
    local reply = redis.pcall('HSET', keys.steps, run.recorded, call.record)
    if type(reply) == 'table' and reply.err then
      if call.open then redis.call('HSET', keys.open, run.inline, open_text(call.open, 'inline')) end
      return reply
    end
  end
  drop_claim(keys.claimed, call.text)
  keep_patches(keys.run, plan)
  local text = begin_end(run, call.id, keys, {
    ending = ending, limits = limits, fields = { 'recorded', run.recorded, 'bytes', run.bytes, 'turns', run.turns + 1, unpack(fields) },
  }, keys.claimed, true)
  return { 'ending', text }
end

-- A plan that ends the run, and is not the last page, names nothing of what is left: the worker knows of too much. What is open tells.
local function find_leftovers(call, plan)
  local run, keys, cursor = call.run, call.keys, '0'
  plan.cancels = ending_texts(run, call.id, keys.open)
  repeat
    local page = redis.call('HSCAN', keys.open, cursor, 'COUNT', 1000)
    for n = 1, #page[2], 2 do
      local open = read_open(page[2][n + 1])
      if open and open.limits ~= '' then
        plan.unlimited[#plan.unlimited + 1] = limit_entry(call.queue, call.id, call.generation, page[2][n])
      end
    end
    cursor = page[1]
  until cursor == '0'
end

-- Ends the run. The caller holds the turn.
local function finish(call, plan)
  local run, keys = call.run, call.keys
  local limits = run.deadline ~= '' and { limit_entry(call.queue, call.id, call.generation, '') } or {}
  local result = { call.ending == 'completed' and 'output' or 'error', call.result }
  check_parent(run, keys.parent_queue)
  if ends_in_pages(run, keys.open) then return decide_end(call, plan, call.ending, limits, result) end
  -- Of the inline step, which ends here, nothing is left.
  if not call.is_last and not call.record then find_leftovers(call, plan) end
  if limits[1] then table.insert(plan.unlimited, limits[1]) end
  if #plan.cancels > 0 then redis.call('LLEN', keys.queue) end
  redis.call('UNLINK', keys.open, keys.join)
  if call.record then
    -- If the history's key is of another type, nothing has happened: the only open step is the turn holder's inline step.
    local reply = redis.pcall('HSET', keys.steps, run.recorded, call.record)
    if type(reply) == 'table' and reply.err then
      if call.open then redis.call('HSET', keys.open, run.inline, open_text(call.open, 'inline')) end
      redis.call('SET', keys.join, 1)
      return reply
    end
  end
  drop_claim(keys.claimed, call.text)
  keep_patches(keys.run, plan)
  end_run(run, call.id, keys, {
    status = call.ending, texts = plan.cancels, limits = plan.unlimited,
    fields = { 'recorded', run.recorded, 'bytes', run.bytes, unpack(result) },
  })
  return finished_reply(call, call.ending)
end

-- The run begins anew: the same id, the next generation, no history. The caller holds the turn, and its function has received every outcome.
local function renew(call, plan)
  local run, keys = call.run, call.keys
  redis.call('LLEN', keys.queue)
  if tonumber(run.deadline) then redis.call('ZCARD', keys.delayed) end
  -- Its time goes on while it is ending, and its input stays: should the time be up before the last page, this generation has failed.
  if ends_in_pages(run, keys.open) then return decide_end(call, plan, 'continued', {}, { 'next', call.result }) end
  if not call.is_last and not call.record then find_leftovers(call, plan) end
  begin_anew(run, call.id, call.queue, keys, call.result)
  drop_claim(keys.claimed, call.text)
  if run.status ~= 'running' then move_status(keys, call.id, 'parked', 'running') end
  drop_limits(keys.delayed, plan.unlimited)
  call_in_bites('RPUSH', keys.queue, plan.cancels)
  return { 'continued', 1 }
end

-- The run is paused: the turn goes, and nothing is opened. A body that may run inline becomes a claimed step's.
local function put_aside(call)
  local run, keys, reply = call.run, call.keys, { 'paused' }
  local inline = find_open(run, keys.open, run.inline)
  drop_claim(keys.claimed, call.text)
  if inline then
    redis.call('HSET', keys.open, run.inline, open_text(inline, 'item'))
    reply[2] = step_text(call.id, call.generation, inline.attempt, run.inline)
    redis.call('LPUSH', keys.claimed, reply[2])
  end
  redis.call('HSET', keys.run, 'turn', '', 'inline', '')
  return reply
end

-- The names that are noted, and those that this script adds: written once, for a page may add hundreds to thousands.
local function is_known(call, name)
  if not call.noted then
    call.noted, call.notes = {}, {}
    for noted in string.gmatch(noted_mail(call.run), '%S+') do call.noted[noted] = true end
  end
  return call.noted[name]
end

local function note_event(call, name)
  if is_known(call, name) then return end
  call.noted[name] = true
  call.notes[#call.notes + 1] = name .. ' '
end

local function write_notes(call)
  if not call.notes or #call.notes == 0 then return end
  call.run.listens = '2 ' .. noted_mail(call.run) .. table.concat(call.notes)
  redis.call('HSET', call.keys.run, 'listens', call.run.listens)
end

-- What a step that waits for an event finds: the oldest message of that name to its run, or an event that was kept; nil for nothing. A
-- message is taken only if its step is next to have an outcome, and nobody waits longer: else the step may be given up before it learns of
-- it, and the message is noted.
local function find_event(call, name, index)
  local run, keys = call.run, call.keys
  local first, behind = '[' .. name .. ' m ', '(' .. name .. ' m!'
  -- It may be long, and is read only if it is taken.
  local has_mail = redis.call('ZLEXCOUNT', keys.mail, first, behind) > 0
  if has_mail and run.recorded == call.upto and not is_known(call, name) then
    return take_message(keys.mail, redis.call('ZRANGEBYLEX', keys.mail, first, behind, 'LIMIT', 0, 1)[1], name .. ' c')
  end
  local till, value = string.match(redis.call('GET', keys.listed[index + 1]) or '', '^(%d+) (.*)$')
  if till and tonumber(till) > tonumber(now()) then return value end
  if has_mail then note_event(call, name) end
  return nil, has_mail
end

-- The outcome of a step that nobody executes.
local function append_wait_end(call, plan, step, kind, tail)
  local run, keys = call.run, call.keys
  local text = bounded_outcome(run, call.id, plan.max_bytes, outcome_head(step, kind, nil, nil, call.worker), nil, tail)
  append_outcome(run, keys.run, keys.steps, text, 'bytes', run.bytes)
end

-- Opens a step that nobody executes: it waits in the mailbox, in the event's list and in `delayed`, all at once. What is there already, or
-- due, is its outcome at once.
local function open_wait(call, plan, opening, opens, limits)
  local run, keys, step = call.run, call.keys, opening.step
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
    redis.call('ZADD', keys.mail, 0, mail_waiter(name, call.generation, opening.number, step))
    redis.call('ZADD', keys.listed[tonumber(index)], now_exactly(), event_waiter(call.queue, call.id, call.generation, step))
    if run.listens == '' then
      redis.call('HSET', keys.run, 'listens', '1')
      run.listens = '1'
    end
  end
  opens[#opens + 1] = step
  opens[#opens + 1] = open_text(open, place)
  if open.limits ~= '' then
    limits[#limits + 1] = next_limit(open)
    limits[#limits + 1] = limit_entry(call.queue, call.id, call.generation, step)
  end
end

-- The oldest message of a name for which a step waits, and that step: the one that waits longest. Entries of steps that do not wait go,
-- as many as are `left` of those that one script may look at; `is_over` says that there are more.
local function find_pair(run, keys, name, obsolete)
  local message
  while true do
    local waiter = redis.call('ZRANGEBYLEX', keys.mail, '[' .. name .. ' w ', '(' .. name .. ' w!', 'LIMIT', 0, 1)[1]
    if not waiter then return nil end
    if not message then
      message = redis.call('ZRANGEBYLEX', keys.mail, '[' .. name .. ' m ', '(' .. name .. ' m!', 'LIMIT', 0, 1)[1]
      if not message then return nil end
      obsolete.size = obsolete.size + #message
    end
    local generation, step = string.match(waiter, '^%S+ w (%S+) %d+ (.+)$')
    local open = generation == run.generation and read_open(redis.call('HGET', keys.open, step))
    if open and open.kind == 'waitForEvent' then
      local number, value = read_message(message)
      return { message = message, number = number, value = value, waiter = waiter, step = step, open = open }
    end
    if obsolete.left == 0 then
      obsolete.is_over = true
      return nil
    end
    obsolete.left = obsolete.left - 1
    redis.call('ZREM', keys.mail, waiter)
  end
end

-- The function has come to rest, and there was mail meanwhile: the oldest message for which a step waits is that one's outcome. One at a
-- time: after it the function may no longer wait for another. Returns whether another turn has to look first: one looks
-- at 250 names, or about 1 MiB of messages.
local function read_mail(call, plan)
  local run, keys, looked, first, kept, rest = call.run, call.keys, 0, nil, {}, ''
  local obsolete, noted = { left = 1000, size = 0 }, noted_mail(run)
  for at, name in string.gmatch(noted, '()(%S+)') do
    local is_long = obsolete.size >= 1048576
    if not first and (looked == 250 or is_long) then obsolete.is_over = true end
    -- They are noted as they come: the oldest is among the first.
    if obsolete.is_over or first and (looked >= 100 or is_long) then
      rest = string.sub(noted, at)
      break
    end
    local pair = find_pair(run, keys, name, obsolete)
    looked = looked + 1
    if pair and (not first or pair.number < first.number) then first = pair end
    if pair or obsolete.is_over then kept[#kept + 1] = name .. ' ' end
  end
  local left = table.concat(kept) .. rest
  run.listens = left ~= '' and '2 ' .. left or '1'
  redis.call('HSET', keys.run, 'listens', run.listens)
  if obsolete.is_over or not first then return obsolete.is_over end
  take_message(keys.mail, first.message, first.waiter, string.match(first.message, '^%S+') .. ' c')
  redis.call('HDEL', keys.open, first.step)
  drop_step_limits(first.open, keys.delayed, call.queue, call.id, run.generation, first.step)
  redis.call('RPUSH', keys.queue, withdraw_text(call.id, run.generation, first.step, first.open.where))
  append_wait_end(call, plan, first.step, first.open.kind, '"value":' .. first.value)
end

-- The text of a newly opened step that is put on a queue. What it is made from is every new step's.
local function called_text(open)
  return open_text(open, 'item') .. ' called=' .. now()
end

-- Has the texts of steps say that they are queued, as far as that is known before they are written: the caller keeps the first. Of a single step
-- it is not: mostly it is executed inline.
local function note_called(call, new, opens)
  if #new < 2 then return end
  local run = call.run
  local keeps = call.is_last and run.recorded == call.upto and call.slots - (run.inline ~= '' and 1 or 0) or 0
  for n = math.max(0, keeps) + 1, #new do
    opens[new[n].at] = called_text(new[n].open)
    new[n].is_called = true
  end
end

-- Opens and closes what the plan says; then the turn stays, goes on with the one open step, or ends.
local function apply_plan(call, plan)
  local run, keys, opens, new, limits = call.run, call.keys, {}, {}, {}
  redis.call('HDEL', keys.run, 'inline')
  keep_patches(keys.run, plan)
  for _, opening in ipairs(plan.openings) do
    if opening.number == run.opened then
      run.opened = run.opened + 1
      if opening.wait ~= '' and not opening.withdrawn then
        open_wait(call, plan, opening, opens, limits)
      elseif not opening.withdrawn then
        local open = new_open(opening.limits, opening.kind)
        if opening.kind and run.children == '' then
          redis.call('HSET', keys.run, 'children', '1')
          run.children = '1'
        end
        opens[#opens + 1] = opening.step
        opens[#opens + 1] = open_text(open, 'item')
        new[#new + 1] = { step = opening.step, open = open, at = #opens }
        if open.limits ~= '' then
          limits[#limits + 1] = next_limit(open)
          limits[#limits + 1] = limit_entry(call.queue, call.id, call.generation, opening.step)
        end
      end
    end
  end
  write_notes(call)
  for _, step in ipairs(plan.closings) do
    if step == run.inline then run.inline = '' end
  end
  call_in_bites('HDEL', keys.open, plan.closings)
  note_called(call, new, opens)
  call_in_bites('HSET', keys.open, opens)
  call_in_bites('ZADD', keys.delayed, limits)
  drop_limits(keys.delayed, plan.unlimited)
  call_in_bites('RPUSH', keys.queue, plan.cancels)
  local has_more_mail = call.is_last and run.recorded == call.upto and noted_mail(run) ~= '' and keys.mail and read_mail(call, plan)
  local ends = call.is_last and run.recorded == call.upto
  local inline = find_open(run, keys.open, run.inline)
  if inline and ends then
    table.insert(new, 1, { step = run.inline, open = inline, was_inline = true })
  elseif inline then
    -- Its body may run at the turn's holder all the while.
    redis.call('HSET', keys.run, 'inline', run.inline)
  end
  local count = count_open(run, keys.open)
  if count > 0 then redis.call('SET', keys.join, count) else redis.call('DEL', keys.join) end

  if ends and count == 1 and #new == 1 then
    local step = new[1]
    place_open(keys.open, step.step, step.open, 'inline')
    redis.call('HSET', keys.run, 'opened', run.opened, 'inline', step.step, 'delivered', call.upto)
    return { 'inline', step.step, step.open.attempt, step.open.lost }
  end
  local queued, kept, reply = {}, {}, {}
  for _, step in ipairs(new) do
    local place = ends and #kept < call.slots and kept or queued
    if step.was_inline then
      if place == queued then step.open.called = now() end
      redis.call('HSET', keys.open, step.step, open_text(step.open, 'item'))
    elseif place == queued and not step.is_called then
      redis.call('HSET', keys.open, step.step, called_text(step.open))
    end
    local text = step_text(call.id, call.generation, step.open.attempt, step.step)
    place[#place + 1] = text
  end
  -- The left end is the newest: pushed in reverse, the first step of the fan-out is the next to be claimed.
  local reversed = {}
  for n = #queued, 1, -1 do reversed[#reversed + 1] = queued[n] end
  call_in_bites('RPUSH', keys.queue, reversed)
  if not ends then
    -- What a later page opens was called before the next outcome, too.
    redis.call('HSET', keys.run, 'opened', run.opened, 'delivered', call.is_last and call.upto or run.delivered)
    return more_reply(run, keys.steps, call.upto)
  end
  drop_claim(keys.claimed, call.text)
  call_in_bites('LPUSH', keys.claimed, kept)
  redis.call('HSET', keys.run, 'opened', run.opened, 'delivered', call.upto, 'turn', '')
  if plan.joins ~= run.joins then redis.call('HSET', keys.run, 'joins', plan.joins) end
  if has_more_mail then
    run.turn = ''
    queue_turn(run, call.id, keys.run, keys.queue)
  end
  reply[1] = 'released'
  for _, text in ipairs(kept) do reply[#reply + 1] = text end
  return reply
end

-- The answer to a call whose sender no longer holds the turn: what this worker still holds for the run. `gone`: it is not known that an
-- earlier sending of the call did what it asks for.
local function stale_reply(call)
  if not is_live(call.run) then return finished_reply(call) end
  local run = call.run
  local is_done = run.turns == call.number and (tonumber(run.delivered) or -1) >= call.upto
  local reply = { run.status == 'paused' and 'paused' or is_done and 'released' or 'gone' }
  local prefix, claims = 'step ' .. call.id .. ' ' .. call.generation .. ' ', { size = 0 }
  -- Of what is not among these the worker's beat tells.
  read_claims(claims, call.keys.claimed)
  for _, text in ipairs(claims) do
    if string.sub(text, 1, #prefix) == prefix then reply[#reply + 1] = text end
  end
  return reply
end

-- Whether the plan was applied by an earlier sending and the turn went on with the one open step.
local function already_applied(call, plan)
  if #plan.openings == 0 or plan.openings[1].number >= call.run.opened then return false end
  return call.run.inline ~= '' and call.run.recorded == call.upto and count_open(call.run, call.keys.open) == 1
end

local function inline_reply(call)
  local run = call.run
  local open = find_open(run, call.keys.open, run.inline)
  return { 'inline', run.inline, open.attempt, open.lost }
end
