-- Put before every script by the store; before a plain case (`..._plain`) it stands alone. Not a script of its own.
-- What a step that has nothing special about it costs: every line here counts.

-- Redis' clock in milliseconds, as text; read once a script.
local clock, exact_clock
local function now()
  if not clock then
    local t = redis.call('TIME')
    clock = string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
    exact_clock = string.format('%.0f', t[1] * 1000000 + t[2])
  end
  return clock
end

-- A new run's generation: the same moment in microseconds, of which nobody else knows the last three digits.
local function new_generation()
  now()
  return exact_clock
end

-- An outcome's record: `head` and `tail` are its text round what only the store knows: the time, and `before`, what became of the attempts
-- before.
local function record_text(head, before, tail)
  return head .. ',"at":' .. now() .. before .. ',' .. tail .. '}'
end

-- What the record of a step's first attempt says of its wait, if it was longer than 100 ms: from when the step was put on a queue until its body
-- began. That is as many ms ago as the body `took`, by the record's `head`.
local function wait_text(called, head)
  if now() - called <= 100 then return '' end
  local took = string.match(head, '"took":(%d+),"claim":"[^"]*"$')
  local waited = took and now() - called - took or 0
  return waited > 100 and ',"waited":' .. string.format('%.0f', waited) or ''
end

-- Tells clients that wait for a run, if `awaited` says that some do, that it has ended. A hint: they ask how. The channel is the key of
-- another kind: a namespace has no brace, so the first match is the kind.
local function publish_end(run_key, awaited)
  if not awaited or awaited == '' then return end
  redis.pcall('PUBLISH', (string.gsub(run_key, '}:run:', '}:ended:', 1)), 'ended')
end

-- Whether a record is one too many: it has a value, and a run's outcomes take more bytes with it than they may.
local function is_too_much(bytes, tail, limit)
  return bytes > tonumber(limit) and string.sub(tail, 1, 8) == '"value":' and tail ~= '"value":null'
end

-- The first write of a script, where there is nothing to free: at maxmemory Redis lets a write pass if one that frees went before it. HDEL
-- of a field that is never there is enough, and without need it costs nothing. The error, if it is refused for another reason; else nil.
local function first_write(run_key, ...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err and string.find(reply.err, 'OOM', 1, true) then
    redis.call('HDEL', run_key, '-')
    reply = redis.pcall(...)
  end
  return type(reply) == 'table' and reply.err and reply or nil
end
