-- The store puts this before every script but the plain cases, after prelude.lua. It is not a script of its own.
-- A script reads and checks first. Its first write frees memory, so that it passes at maxmemory. `pcall` guards index writes: after the
-- first write nothing may fail. Where nothing is to be freed, the first write is HDEL of a field that is never there: it is enough.
-- What a client or a stranger brings is refused instead, before any write: by a first write that takes memory, or by `refuse_when_full`.
-- A script names its keys and its arguments in its first lines. Functions take what they need; where that is many keys, a table has them
-- by the names that the headers use: `keys.run` is run:<id>, `keys.running` is runs:running. The name in a key comes as an argument of its
-- own: no key is taken apart.

local RUN_FIELDS = { 'status', 'generation', 'turn', 'turns', 'opened', 'recorded', 'delivered', 'inline', 'awaited', 'lost', 'bytes',
  'deadline', 'unfit', 'patches', 'parent', 'parentQueue', 'children', 'listens', 'joins' }

-- The fields of a run that transitions decide by, and the values of `more` fields; false if the run does not exist.
local function read_run(key, more)
  local fields = { unpack(RUN_FIELDS) }
  for _, field in ipairs(more or {}) do fields[#fields + 1] = field end
  local v = redis.call('HMGET', key, unpack(fields))
  if not v[1] then return false end
  return {
    status = v[1], generation = v[2], turn = v[3] or '', turns = tonumber(v[4]) or 0, opened = tonumber(v[5]) or 0,
    recorded = tonumber(v[6]) or 0, delivered = v[7] or '', inline = v[8] or '', awaited = v[9] or '', lost = v[10] or '',
    bytes = tonumber(v[11]) or 0, deadline = v[12] or '', unfit = v[13] or '', patches = v[14] or '',
    parent = v[15] or '', parentQueue = v[16] or '', children = v[17] or '', listens = v[18] or '', joins = v[19] or '',
  }, { unpack(v, #RUN_FIELDS + 1) }
end

local ENDED = { completed = true, failed = true, cancelled = true }

-- Whether a run's end is not decided.
local function is_live(run)
  return run and not ENDED[run.status] and run.status ~= 'ending'
end

-- Whether nobody takes the run forward until somebody resumes it.
local function is_held(run)
  return run.status == 'parked' or run.status == 'paused'
end

-- Whether a word stands in a text of words that are separated by spaces.
local function has_word(words, word)
  return string.find(' ' .. words .. ' ', ' ' .. word .. ' ', 1, true) ~= nil
end

-- An error as it is stored: its type, its message and, if there is one, another member.
local function error_json(kind, message, member, value)
  return '{"type":"' .. kind .. '","message":' .. cjson.encode(message) .. (member and ',"' .. member .. '":' .. cjson.encode(value) or '') .. '}'
end

-- To be called before the first write of a script that adds what a client or a stranger brings: where memory is full, Redis refuses it, and with
-- it the script. Otherwise nothing is changed. `sorted_key`: a sorted set, or nothing.
local function refuse_when_full(sorted_key)
  redis.call('ZADD', sorted_key, 'XX', 0, '-')
end

-- Whether a work item lies in a list of claims: the proof that its worker still holds it. `...`: options of LPOS.
local function prove_claim(claimed_key, text, ...)
  return redis.call('LPOS', claimed_key, text, ...)
end

-- Refuses the script before its first write if its user may not do this to a key: what has left a list must get into the other one. Redis before
-- 7 cannot tell.
local function need_right(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then redis.call(...) end
end

-- The claim ends. To be called once it is proved, as the first write: it frees.
local function drop_claim(claimed_key, text)
  redis.call('LREM', claimed_key, -1, text)
end

-- Adds the claims in a list to those that were read before, the oldest first, up to 2,000 or about 1 MiB in all; `is_part` says that there are
-- more. A few at a time: a broadcast has the value that was sent. The oldest: what nobody handles gets there in the end, whatever is pushed.
local function read_claims(claims, claimed_key)
  local length, read = redis.call('LLEN', claimed_key), 0
  while read < length do
    local bite = redis.call('LRANGE', claimed_key, -read - 16, -read - 1)
    for n = #bite, 1, -1 do
      if #claims >= 2000 or claims.size >= 1048576 then
        claims.is_part = true
        return
      end
      claims[#claims + 1] = bite[n]
      claims.size = claims.size + #bite[n]
    end
    read = read + #bite
  end
end

-- How many entries of a list one script compares with a text. It takes Redis about a millisecond.
local MOST_COMPARED = 100000

-- Takes a work item out of unserved:<queue>:<workflow>: where no worker has the workflow, nobody else would ever drop it. Looks for it from one
-- end of the list (`rank` is 1 for the newest, -1 for the oldest), and of a long list from the other. One that lies between stays, and is
-- obsolete. Returns how many entries it has compared.
local function drop_unserved(unserved_items_key, text, rank)
  local length, compared = redis.pcall('LLEN', unserved_items_key), 0
  if type(length) ~= 'number' then return 0 end
  for _, from in ipairs(length > MOST_COMPARED and { rank, -rank } or { rank }) do
    local at = redis.pcall('LPOS', unserved_items_key, text, 'RANK', from, 'MAXLEN', MOST_COMPARED)
    if type(at) == 'number' then
      redis.pcall('LREM', unserved_items_key, from, text)
      return compared + (from > 0 and at + 1 or length - at)
    end
    compared = compared + math.min(length, MOST_COMPARED)
  end
  return compared
end

-- How the beginning of a refused item is shown. Behind a colon, as many hexadecimal digits as a callback's secret has may be one, so
-- their SHA-1 is shown. The digits at which a long item is cut may be part of one, so they are left out.
local function mask_secrets(excerpt, is_cut)
  local whole = is_cut and string.gsub(excerpt, ':%x+$', ':') or excerpt
  return (string.gsub(whole, ':(%x+)', function(digits)
    return #digits >= 32 and ':' .. redis.sha1hex(digits) or nil
  end))
end

-- The characters of UTF-8 that take more than one byte. None begins within another.
local LONG_CHARACTERS = {
  '[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]', '[\225-\236\238\239][\128-\191][\128-\191]',
  '\237[\128-\159][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
  '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]',
}

local function is_utf8(text)
  for _, character in ipairs(LONG_CHARACTERS) do text = string.gsub(text, character, ' ') end
  return not string.find(text, '[\128-\255]')
end

-- The beginning of a text without what its cut has left of a character: at most three bytes.
local function without_part(text)
  for n = 1, math.min(3, #text) do
    local byte = string.byte(text, -n)
    if byte < 128 then return text end
    if byte >= 192 then
      local length = byte >= 240 and 4 or byte >= 224 and 3 or 2
      return n < length and string.sub(text, 1, -n - 1) or text
    end
  end
  return text
end

-- What `malformed` keeps of an item: how it begins, and of a long one its length and the SHA-1 of its first 4 KiB.
local function refused_entry(entry, reason, item)
  local excerpt = string.sub(item, 1, 4096)
  local is_cut = #item > #excerpt
  local whole = is_cut and without_part(excerpt) or excerpt
  local text = mask_secrets(is_utf8(whole) and whole or excerpt, is_cut)
  local shown = is_utf8(text) and '"item":' .. cjson.encode(text)
    or '"itemHex":"' .. string.gsub(text, '.', function(c) return string.format('%02x', string.byte(c)) end) .. '"'
  if is_cut then shown = shown .. ',"length":' .. #item .. ',"sha1":"' .. redis.sha1hex(excerpt) .. '"' end
  return entry .. ',"reason":' .. cjson.encode(reason) .. ',' .. shown
end

-- Writes an entry of `malformed`, the oldest of which leave.
local function refuse(malformed_key, entry, max_entries)
  redis.call('LPUSH', malformed_key, entry .. ',"at":' .. now() .. '}')
  redis.call('LTRIM', malformed_key, 0, max_entries - 1)
end

-- Whether a run is in the generation that it was made with: the time of its creation, and three digits more.
local function is_first_generation(run, created)
  return string.sub(run.generation, 1, -4) == created
end

-- Whether a run has never opened a step, in no generation. Its time limit or a cancel may be recorded: they come from outside. A resume from a
-- step counts the opened ones from 0 again, and raises the generation by one, which may look like the first; but it says what was delivered.
local function is_untouched(run, created)
  return run.opened == 0 and run.delivered == '' and is_first_generation(run, created)
end

-- Whether a run waits, parked or unserved, and has never opened a step.
local function is_waiting(run, created)
  return (run.status == 'parked' and run.turn == '' or run.status == 'unserved' and run.turn == 'unserved')
    and is_untouched(run, created)
end

-- What keeps one more of what was pushed from waiting, where `waiting` of its kind do: {'crowded'} if that is as many as may; {'crowded',
-- waiting, size, most} if it has more bytes than one more may have then; nil for nothing. At most 64 MiB / s of a kind have more than s bytes,
-- if s is more than 4 KiB: so all of them together have some hundred MiB, and nobody counts the bytes.
local function find_crowd(waiting, max_waiting, size)
  if waiting >= max_waiting then return { 'crowded' } end
  local most = math.max(4096, math.floor(67108864 / (math.max(0, waiting) + 1)))
  return size > most and { 'crowded', waiting, size, most } or nil
end

-- The same of a pushed run that would wait from now on in its queue. One that was admitted to wait (`pushed` is 2) may.
local function find_crowd_of_run(run, run_key, waiting_key, created, pushed, max_waiting)
  if pushed ~= '1' or not is_untouched(run, created) then return nil end
  return find_crowd(redis.call('ZCARD', waiting_key), tonumber(max_waiting), #(redis.call('HGET', run_key, 'payload') or ''))
end

-- Lists a pushed run that waits, by the time from which its age counts, and lists its queue: so upkeep finds both. `keys`: run, pushed, queues.
local function list_pushed(id, keys, queue, time)
  redis.call('HSET', keys.run, 'pushed', 2)
  redis.pcall('ZADD', keys.pushed, time, id)
  redis.pcall('ZADD', keys.queues, now(), queue)
end

-- Notes a run that waits from now on, if it has never opened a step: who took its turn could not begin it. `keys`: run, pushed, queues and
-- enqueued.
local function note_waiting(run, id, keys, created, pushed, queue)
  if not is_untouched(run, created) then return end
  redis.call('HDEL', keys.run, 'began')
  if pushed then list_pushed(id, keys, queue, now()) else redis.pcall('ZADD', keys.enqueued, now(), id) end
end

-- Moves a run from one of the lists runs:<status> to another. `keys` has both by the status.
local function move_status(keys, id, from, to)
  redis.pcall('ZREM', keys[from], id)
  redis.pcall('ZADD', keys[to], now(), id)
end

-- The names of the messages in a run's mailbox for which a step may wait, each followed by a space. Once its function is at rest they are
-- looked for, and forgotten.
local function noted_mail(run)
  return string.sub(run.listens, 1, 2) == '2 ' and string.sub(run.listens, 3) or ''
end

local function note_mail(run, run_key, name)
  if has_word(noted_mail(run), name) then return end
  run.listens = '2 ' .. noted_mail(run) .. name .. ' '
  redis.call('HSET', run_key, 'listens', run.listens)
end

-- A message in a mailbox, `<event> m <number> <value>`, with `p ` before the value of one that was pushed: its number and value, and whether
-- it is one of those.
local function read_message(message)
  local _, last, number = string.find(message, '^%S+ m (%d+) ')
  local is_pushed = string.sub(message, last + 1, last + 2) == 'p '
  return tonumber(number), string.sub(message, last + (is_pushed and 3 or 1)), is_pushed
end

-- How many messages in a mailbox were pushed, and how many bytes they have. They are counted in the mailbox, so that the count goes with it, by
-- an entry that no event has, because it begins with a space: ` pushed <messages> <bytes> <time of the last>`.
local function pushed_mail(mail_key)
  local entry = redis.call('ZRANGEBYLEX', mail_key, '[ pushed ', '( pushed!', 'LIMIT', 0, 1)[1]
  local count, bytes, last = string.match(entry or '', '^ pushed (%d+) (%d+) ?(%d*)$')
  return tonumber(count) or 0, tonumber(bytes) or 0, entry, tonumber(last) or 0
end

local function count_pushed_mail(mail_key, messages, size)
  local count, bytes, entry, last = pushed_mail(mail_key)
  if entry then redis.call('ZREM', mail_key, entry) end
  if count + messages <= 0 then return end
  if messages > 0 then last = now() end
  redis.call('ZADD', mail_key, 0, string.format(' pushed %.0f %.0f %.0f', count + messages, math.max(0, bytes + size), last))
end

-- Takes a message out of its mailbox, and further entries; returns its value.
local function take_message(mail_key, message, ...)
  local _, value, is_pushed = read_message(message)
  redis.call('ZREM', mail_key, message, ...)
  if is_pushed then count_pushed_mail(mail_key, -1, -#message) end
  return value
end

-- How an event's id stands in `seen:<id>`. Pushed ids are kept apart, so that a push cannot use up another sender's id.
local function seen_member(event_id, is_pushed)
  return is_pushed and 'p ' .. event_id or event_id
end

-- Notes an event's id, and forgets older ones: 1,000 are known, and 1,000 more of events that were pushed. Those have their time with a minus
-- sign, so that they are a list of their own, the newest first.
local function note_seen(seen_key, event_id, is_pushed)
  redis.call('ZADD', seen_key, (is_pushed and '-' or '') .. now(), seen_member(event_id, is_pushed))
  if redis.call('ZCARD', seen_key) <= 1000 then return end
  local older = is_pushed and redis.call('ZRANGEBYSCORE', seen_key, '-inf', '(0', 'LIMIT', 1000, 1)
    or redis.call('ZREVRANGEBYSCORE', seen_key, '+inf', '(0', 'LIMIT', 1000, 1)
  if #older > 0 then redis.call('ZREM', seen_key, unpack(older)) end
end

-- Redis' clock in microseconds: no two scripts have the same.
local function now_exactly()
  local t = redis.call('TIME')
  return string.format('%.0f', t[1] * 1000000 + t[2])
end

-- A turn's work item. A run's generation begins as the time of its creation: an id that is used again after its run has left is told
-- apart from it by every instance and every work item that is still about.
local function turn_text(id, generation)
  return 'turn ' .. id .. ' ' .. generation
end

-- The work item of the mover that writes a decided end, page by page.
local function end_text(id, generation)
  return 'end ' .. id .. ' ' .. generation
end

-- When a run is to start, of '+<ms>' from now, '<ms>' since 1970, or ''; nil for at once.
local function start_time(text)
  if text == '' then return nil end
  local time = tonumber(text)
  if string.sub(text, 1, 1) == '+' then time = time + now() end
  return time > tonumber(now()) and string.format('%.0f', time) or nil
end

-- The entry of `delayed` for the first turn of a run that is to start later.
local function start_entry(queue, id, generation)
  return queue .. ' ' .. turn_text(id, generation)
end

-- A step's work item.
local function step_text(id, generation, attempt, step)
  return 'step ' .. id .. ' ' .. generation .. ' ' .. attempt .. ' ' .. step
end

-- To be called before the first write of a script that may end a run.
-- `parent_queue_key`: the queue of the run that waits for it, or any list.
local function check_parent(run, parent_queue_key)
  if run.parentQueue ~= '' then redis.call('LLEN', parent_queue_key) end
end

-- What lets a parent, given as '<run> <generation> <step>', look at its child's end.
local function ended_text(parent, child)
  local id, generation, step = string.match(parent, '^(%S+) (%S+) (.+)$')
  return 'ended ' .. id .. ' ' .. generation .. ' ' .. child .. ' ' .. step
end

-- The run has ended: the run that waits for it is told, by its queue, and so are clients that do, who also ask from time to time.
local function announce_end(run, id, run_key, parent_queue_key)
  if run.parentQueue ~= '' then redis.call('RPUSH', parent_queue_key, ended_text(run.parent, id)) end
  publish_end(run_key, run.awaited)
end

-- The function has something to learn: if it has no turn, and somebody takes it forward, one is queued.
local function queue_turn(run, id, run_key, queue_key)
  if run.turn ~= '' or run.status ~= 'running' then return end
  redis.call('HSET', run_key, 'turn', 'queue')
  redis.call('RPUSH', queue_key, turn_text(id, run.generation))
end

-- The turn as text: who has the turn, the number of this taking, and the call that took it.
local function holder_text(worker, number, token)
  return worker .. ' ' .. number .. ' ' .. token
end

-- Whether the turn is held by this worker under this number.
local function holds_turn(run, worker, number)
  local prefix = worker .. ' ' .. number .. ' '
  return string.sub(run.turn, 1, #prefix) == prefix
end

-- What came after number `from`, up to `to`: at most 1,000 outcomes or about 1 MiB. It reads a first one and then, by their size so far,
-- as many as should fit, at most 16 at a time; what does not fit after all comes with the next page.
local function outcomes_after(steps_key, from, to)
  local page, size, most, bite = {}, 0, 1048576, 1
  while from < to and #page < 1000 and size < most do
    local numbers = {}
    for n = from + 1, math.min(from + bite, to) do numbers[#numbers + 1] = n end
    for _, record in ipairs(redis.call('HMGET', steps_key, unpack(numbers))) do
      if size >= most then break end
      page[#page + 1] = record or ''
      size = size + #(record or '')
    end
    from = from + #numbers
    bite = math.max(1, math.min(16, 1000 - #page, math.floor((most - size) * #page / size)))
  end
  return page
end

-- The number of the outcome that a call with this token has written, and its record; nil if it is not found from number `first` to `last`, in
-- steps of `by`. Of these it reads 1,000, or about 1 MiB: who is not told sends nothing again, and goes on from the history.
local function find_written(steps_key, token, first, last, by)
  local claim, size, count = '"claim":"' .. token .. '"', 0, 0
  for n = first, last, by do
    if size >= 1048576 or count >= 1000 then return nil end
    local record = redis.call('HGET', steps_key, n) or ''
    if string.find(record, claim, 1, true) then return n, record end
    size, count = size + #record, count + 1
  end
  return nil
end

-- An open step's text: its kind, its attempt, how many workers were lost with it, and where its mover is. If it has time limits, also
-- ` total=<ms>` and ` claim=<ms>`: until when it must be done, and begun; ` wake=<ms>`: when a sleep, or the wait for an event, is over. Behind
-- them, at place `item`, ` called=<ms>`: when it was put on a queue, or when the attempt behind a failed one is due. ` waited=<ms>`: how long
-- it lay there before its first attempt, if that is over and it was longer than 100 ms. Once an attempt has failed also ` of=<n>`: how many
-- it may have, a space and since when the step was tried, and a line for each of the last 20 failed attempts: a JSON object.
local NEW_OPEN = { kind = 'run', attempt = '1', lost = 0, limits = '', rest = '' }
-- The text of the turn holder's inline step that has nothing more to tell: it is not written, the run's field `inline` says it.
local INLINE_TEXT = 'run 1 0 inline'

local function open_text(open, where)
  local facts = open.called and where == 'item' and ' called=' .. open.called or ''
  if open.waited then facts = facts .. ' waited=' .. open.waited end
  if open.of then facts = facts .. ' of=' .. open.of end
  return open.kind .. ' ' .. open.attempt .. ' ' .. open.lost .. ' ' .. where .. open.limits .. facts .. open.rest
end

local function read_open(text)
  if not text then return false end
  local kind, attempt, lost, where, rest = string.match(text, '^(%S+) (%d+) (%d+) (%S+)(.*)$')
  if not kind then return false end
  local open = { kind = kind, attempt = attempt, lost = tonumber(lost), where = where, limits = '' }
  while true do
    local name, number, more = string.match(rest, '^ (%l+)=(%d+)(.*)$')
    if not name then break end
    if name == 'called' or name == 'waited' or name == 'of' then
      open[name] = number
    else
      open.limits = open.limits .. ' ' .. name .. '=' .. number
    end
    rest = more
  end
  open.rest = rest
  return open
end

-- Notes how long an open step lay on a queue before its first attempt, which began at a time; nothing is known of one that a worker was lost
-- with.
local function note_wait(open, began)
  if not open.called or open.attempt ~= '1' or open.lost > 0 then return end
  local waited = began - open.called
  if waited > 100 then open.waited = string.format('%.0f', waited) end
end

-- An open step; false if it is not open.
local function find_open(run, open_key, step)
  if step == '' then return false end
  return read_open(redis.call('HGET', open_key, step) or step == run.inline and INLINE_TEXT)
end

-- The open step whose attempt is the caller's to execute: it holds the step's claim, or with a number the turn whose inline step it is. False
-- if it holds neither, or the step is closed or at another attempt. `keys`: run, open, claimed; `caller`: worker, text, number, step,
-- generation, attempt.
local function find_attempt(keys, caller)
  local run = read_run(keys.run)
  if not is_live(run) or run.generation ~= caller.generation or not prove_claim(keys.claimed, caller.text) then return false end
  local has_turn = caller.number ~= ''
  if has_turn and not (holds_turn(run, caller.worker, caller.number) and run.inline == caller.step) then return false end
  local open = find_open(run, keys.open, caller.step)
  return open and open.attempt == caller.attempt and open.where == (has_turn and 'inline' or 'item') and open
end

-- The mark of an open step's attempt, in place of its kind `run`: `begun:<token>`, with `:<ms>` behind it if a claimTimeout went with it, and
-- `waits:<token>` once that call is taken back; nil for none.
local function read_mark(open)
  local word, token, claim_limit = string.match(open.kind, '^(%l+):(%S+/%d+):?(%d*)$')
  if word ~= 'begun' and word ~= 'waits' then return nil end
  return { word = word, token = token, claim_limit = claim_limit }
end

-- Whether a call is newer than a mark. A worker numbers its calls; what another worker has written is over, since the caller has the claim.
local function is_after(token, mark)
  local worker, number = string.match(token, '^(.+)/(%d+)$')
  local its_worker, its_number = string.match(mark.token, '^(.+)/(%d+)$')
  return worker ~= its_worker or tonumber(number) > tonumber(its_number)
end

-- Writes where an open step is.
local function place_open(open_key, step, open, where)
  local text = open_text(open, where)
  if text == INLINE_TEXT then redis.call('HDEL', open_key, step) else redis.call('HSET', open_key, step, text) end
end

-- How many steps of a run are open.
local function count_open(run, open_key)
  local count = redis.call('HLEN', open_key)
  if run.inline ~= '' and redis.call('HEXISTS', open_key, run.inline) == 0 then count = count + 1 end
  return count
end

-- How a step that waits for an event stands in its run's mailbox, in the order of the calls, and in the event's list.
local function mail_waiter(name, generation, number, step)
  return name .. ' w ' .. generation .. ' ' .. string.format('%09d', number) .. ' ' .. step
end

local function event_waiter(queue, id, generation, step)
  return queue .. ' ' .. id .. ' ' .. generation .. ' ' .. step
end

-- What lets the mailbox and the list of an event forget a step that no longer waits for it; `place`: 'event:<number>:<name>'.
local function withdraw_text(id, generation, step, place)
  local number, name = string.match(place, '^event:(%d+):(.+)$')
  if not number then return nil end
  return 'withdraw ' .. id .. ' ' .. generation .. ' ' .. number .. ' ' .. name .. ' ' .. step
end

-- The kind of an open step that makes a child which is to end with its run. It may have made it already, before it waits for it.
local function child_kind(child, workflow)
  return 'child:' .. #child .. ':' .. child .. ':' .. workflow
end

-- The work item that ends the child of an open step; nil if it has none that is to end with its run.
local function cancel_text(id, generation, step, open)
  local child, workflow = string.match(open.where, '^child:cancel:(.+)$'), '-'
  if not child then
    local length, names = string.match(open.kind, '^child:(%d+):(.+)$')
    if not length then return nil end
    child, workflow = string.sub(names, 1, length), string.sub(names, length + 2)
  end
  return 'cancel ' .. child .. ' ' .. workflow .. ' ' .. id .. ' ' .. generation .. ' ' .. step
end

-- How many open steps one script may end: a run with more is `ending` until the last of its pages.
local END_PAGE = 1000

-- Whether a run has more open than one script may end. Each open step was opened: mostly that number tells, without a look.
local function ends_in_pages(run, open_key)
  return run.opened > END_PAGE and redis.call('HLEN', open_key) > END_PAGE
end

-- The work items that end what a run's open steps leave outside it: children that are to end with it, and waits for events. For a run
-- that does not end in pages.
local function ending_texts(run, id, open_key)
  local texts, cursor = {}, '0'
  if run.children == '' and run.listens == '' then return texts end
  repeat
    local page = redis.call('HSCAN', open_key, cursor, 'COUNT', 1000)
    for n = 1, #page[2], 2 do
      local open = read_open(page[2][n + 1])
      texts[#texts + 1] = open and cancel_text(id, run.generation, page[2][n], open)
      texts[#texts + 1] = open and withdraw_text(id, run.generation, page[2][n], open.where)
    end
    cursor = page[1]
  until cursor == '0'
  return texts
end

-- A newly opened step; `durations` are its limits, such as 'total=30000 claim=5000' or 'wake@1795340073201', or ''. A millisecond that has
-- begun does not count: nothing ends early.
local function new_open(durations, kind)
  if durations == '' and not kind then return NEW_OPEN end
  local limits = string.gsub(durations, '(%l+)([=@])(%d+) ?', function(name, sort, ms)
    local time = sort == '@' and ms or ms == '0' and now() or now() + ms + 1
    return ' ' .. name .. '=' .. string.format('%.0f', time)
  end)
  return { kind = kind or 'run', attempt = '1', lost = 0, limits = limits, rest = '' }
end

local function limit_of(open, name)
  return tonumber(string.match(open.limits, ' ' .. name .. '=(%d+)'))
end

-- The time of the limit that comes first; nil for none.
local function next_limit(open)
  local first
  for time in string.gmatch(open.limits, '=(%d+)') do
    if not first or tonumber(time) < tonumber(first) then first = time end
  end
  return first
end

-- The entry of `delayed` for the limits of a step, or of the run for the step ''.
local function limit_entry(queue, id, generation, step)
  return queue .. ' timeout ' .. id .. ' ' .. generation .. (step == '' and '' or ' ' .. step)
end

-- The end of a wait whose time is up, as the tail of its record.
local function wait_end(kind, event)
  if kind == 'sleep' then return '"value":null' end
  return '"error":' .. error_json('EventTimeout', 'no event "' .. event .. '" came in time', 'cause', 'timedOut')
end

-- Until when a new run has to be done.
local function set_deadline(run_key, delayed_key, queue, id, generation, created, ms)
  local deadline = string.format('%.0f', created + ms)
  redis.call('HSET', run_key, 'deadline', deadline)
  redis.call('ZADD', delayed_key, deadline, limit_entry(queue, id, generation, ''))
end

-- What stands before the time in the record of an outcome that the store writes by itself. `attempt`: nil for the first; `by`: who
-- writes it.
local function outcome_head(step, kind, child, attempt, by)
  return '{"step":' .. cjson.encode(step) .. (kind and ',"kind":"' .. kind .. '"' or '') .. (child and ',"child":' .. cjson.encode(child) or '')
    .. ((attempt or '1') == '1' and '' or ',"attempts":' .. attempt) .. ',"claim":' .. cjson.encode(by)
end

-- The record of an open step's outcome.
local function outcome_text(head, open, tail)
  local before = open and open.lost > 0 and ',"lost":' .. open.lost or ''
  if open and open.waited then
    before = before .. ',"waited":' .. open.waited
  elseif open and open.called and open.attempt == '1' and open.lost == 0 then
    before = before .. wait_text(open.called, head)
  end
  local lines = open and string.match(open.rest, '^[^\n]*\n(.*)$')
  if lines then before = before .. ',"failed":[' .. string.gsub(lines, '\n', ',') .. ']' end
  return record_text(head, before, tail)
end

-- The record of an outcome, and whether it is what was asked for: a value with which a run's outcomes would take more than `limit` bytes
-- becomes an error; a step without a result always fits: it may be the undo of what a full run has done. Counts the record.
local function bounded_outcome(run, id, limit, head, open, tail)
  local text, fits = outcome_text(head, open, tail), true
  if is_too_much(run.bytes + #text, tail, limit) then
    fits = false
    text = outcome_text(head, open, '"error":' .. error_json('StepwiseError', 'with this result run ' .. id
      .. ' would have ' .. string.format('%.0f', run.bytes + #text) .. ' bytes of outcomes, and the limit is ' .. limit
      .. ' (maximumRunSize of the worker\'s configuration); store results elsewhere and keep references, or raise the limit',
      'cause', 'tooLarge'))
  end
  run.bytes = run.bytes + #text
  return text, fits
end

-- How many workers in a row were lost with the run's turn since its last outcome, and whether the function held the thread of one of them.
local function lost_turns(run)
  local count, at, how = string.match(run.lost, '^(%d+) (%d+)(.*)$')
  if tonumber(at) ~= run.recorded then return 0, false end
  return tonumber(count), how == ' held'
end

-- Calls a command with many values in bites that fit Lua's stack.
local function call_in_bites(command, key, values)
  for first = 1, #values, 1000 do
    redis.call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end

-- The answer to a turn's holder that has received the outcomes up to `upto`, and keeps the turn for what came after.
local function more_reply(run, steps_key, upto)
  return { 'more', run.opened, run.recorded, run.delivered, outcomes_after(steps_key, upto, run.recorded) }
end

-- The caller, whose step it is by a claim or as the inline step of its turn, hands an open step over. `hand_over` writes who has the step
-- next; it is called only if the step is still `wanted`. `held`: the claim's text, whether it is a turn's, up to which outcome the turn has
-- received them (nil for a claimed step), and the keys.
-- Returns 'done'; 'withdrawn' of a claimed step that is not wanted; 'more' if the turn stays for what was recorded meanwhile.
local function hand_over_step(run, held, wanted, hand_over)
  if not held.has_turn then
    drop_claim(held.claimed, held.text)
    if not wanted then return 'withdrawn' end
    hand_over()
    return 'done'
  end
  redis.call('HDEL', held.run, 'inline', 'joins')
  local stays = not wanted or run.recorded > held.upto
  if not stays then drop_claim(held.claimed, held.text) end
  if wanted then hand_over() end
  if stays then return 'more' end
  redis.call('HSET', held.run, 'turn', '', 'delivered', held.upto)
  return 'done'
end

-- Writes the run's next outcome, and with its number further fields of the run, given as names and values.
local function append_outcome(run, run_key, steps_key, record, ...)
  run.recorded = run.recorded + 1
  redis.call('HSET', steps_key, run.recorded, record)
  redis.call('HSET', run_key, 'recorded', run.recorded, ...)
end

-- Closes a step that gets its outcome from outside. To be called before the outcome is written: it frees.
local function close_step(run, run_key, open_key, join_key, step)
  redis.call('HDEL', open_key, step)
  redis.pcall('DECR', join_key)
  if run.inline == step then redis.call('HSET', run_key, 'inline', '') end
end

-- Takes the limits of a closed step out of `delayed`.
local function drop_step_limits(open, delayed_key, queue, id, generation, step)
  if open.limits ~= '' then redis.pcall('ZREM', delayed_key, limit_entry(queue, id, generation, step)) end
end

-- Takes entries out of `delayed`. Whatever that key is, it keeps nothing from happening: an entry that stays is obsolete.
local function drop_limits(delayed_key, entries)
  for first = 1, #entries, 1000 do
    redis.pcall('ZREM', delayed_key, unpack(entries, first, math.min(first + 999, #entries)))
  end
end

-- Ends a run whose open steps are gone: the script has checked everything (check_parent) and its first write was UNLINK of open:<id> and
-- join:<id>, which frees.
-- `keys`: run, queue, parent_queue, delayed, the lists runs:<status> that it leaves and enters, and dead if it may fail.
-- `ending`: status; leaves, the status under which it was listed, if not its own; fields, names and values that say how; texts, the work
-- items that end what it leaves outside; limits, the entries of `delayed` that go.
local function end_run(run, id, keys, ending)
  local time, fields = now(), ending.fields
  redis.call('HSET', keys.run, 'status', ending.status, 'ended', time, 'turn', '', 'inline', '', unpack(fields))
  redis.pcall('ZREM', keys[ending.leaves or run.status], id)
  redis.pcall('ZADD', keys[ending.status], time, id)
  if ending.status == 'failed' then redis.pcall('ZADD', keys.dead, time, id) end
  drop_limits(keys.delayed, ending.limits or {})
  call_in_bites('RPUSH', keys.queue, ending.texts)
  announce_end(run, id, keys.run, keys.parent_queue)
end

-- Decides the end of a run that ends in pages (ends_in_pages). The script has checked everything, and the mover's list too. Nobody sees the
-- end before the last page: end_page writes that.
-- `keys`: run, join, delayed, ending, and the list runs:<status> that it leaves.
-- `decision`: ending, the status that it gets, or 'continued'; leaves, fields and limits as of end_run; fields may be more than what says how.
-- `mover_key`: where the mover lies from now on. `is_claimed`: it is the caller's claim; else it is next in its queue.
-- Returns the mover's text.
local function begin_end(run, id, keys, decision, mover_key, is_claimed)
  local text = end_text(id, run.generation)
  redis.call('UNLINK', keys.join)
  redis.call('HSET', keys.run, 'status', 'ending', 'ending', decision.ending, 'turn', '', 'inline', '', unpack(decision.fields))
  redis.call(is_claimed and 'LPUSH' or 'RPUSH', mover_key, text)
  redis.pcall('ZREM', keys[decision.leaves or run.status], id)
  redis.pcall('ZADD', keys.ending, now(), id)
  drop_limits(keys.delayed, decision.limits or {})
  return text
end

-- A run begins anew: the same id, the next generation, no history. The script has checked everything, and its first write was UNLINK of
-- open:<id>, or HDEL of what was left there.
-- `keys`: run, steps, open, join, queue, delayed.
-- Its number is a thousand higher at least, also where the clock went back: a child that the generation before has made is told by that, and
-- `is_first_generation` knows that it is not the first.
-- Its turn goes where a new run's goes, behind what waits: else nobody would come to their turn beside a run without an end.
-- Returns the generation.
local function begin_anew(run, id, queue, keys, payload)
  local continued = (tonumber(redis.call('HGET', keys.run, 'continued')) or 0) + 1
  redis.call('UNLINK', keys.steps, keys.open, keys.join)
  redis.call('HDEL', keys.run, 'inline', 'delivered', 'lost', 'reason', 'divergence', 'unfit', 'patches', 'children', 'listens', 'joins',
    'ending', 'next')
  local generation = string.format('%.0f', math.max(tonumber(new_generation()), string.match(run.generation, '^%d+') + 1000))
  -- `turns` goes on: by its number every call of the generation before is known to be late.
  redis.call('HSET', keys.run, 'generation', generation, 'status', 'running', 'payload', payload, 'turn', 'queue', 'opened', 0,
    'recorded', 0, 'bytes', 0, 'continued', continued)
  redis.call('LPUSH', keys.queue, turn_text(id, generation))
  if tonumber(run.deadline) then
    redis.pcall('ZREM', keys.delayed, limit_entry(queue, id, run.generation, ''))
    redis.pcall('ZADD', keys.delayed, run.deadline, limit_entry(queue, id, generation, ''))
  end
  return generation
end
