-- beat: renews a worker's entry and tells it what it must know: whether it was declared dead, what is due, who else is there.
-- KEYS  workers
--       worker    worker:<worker>
--       delayed
--       meta
--       paused
--       lists...  claimed:<worker>:<queue> of each queue, then accepting:<worker>:<queue> of each, then some of unserved:<queue>:<workflow>,
--                 then unfit:<workflow> of each that has a version
-- ARGV  worker
--       max_due        most due entries to return
--       is_look_asked  '1' to look through the lists as well
--       queues         how many queues
--       has_claimed    '1' if it has claimed since
--       cancels        how many runs were cancelled when it last looked: if there are more now, it looks through the lists
--       unserved_lists  how many of these lists of unserved work items
--       max_text       of a longer work item its first bytes, so many, a line feed and its length are returned: it may tell what others pushed
--       free           how many of its slots are free, '' if its entry has that
--       clock_ahead    for how many ms its clock is ahead of Redis', '' if its entry has that
--       names...       queue:<queue> and workflow:<workflow> of this worker: which of them are paused?
-- Reply {'alive' or 'dead', due entries, {worker, beat, ...} of those that are not dead,
--       {work item, ...}, {index of an unserved list that is not empty, ...}, the data format's number or '',
--       how many runs were cancelled or '', 1 if it has looked through the lists, {index of an unfit hash that is not empty, ...},
--       {what is paused of what was asked for, ...}, how many pushed items the worker holds, 1 if the work items are all of its claims,
--       Redis' time in ms, the labels that have an index, separated by spaces}
-- Guarantees: renews an entry and never makes one. A score that is not positive is a death, whatever the entry says: declare_dead writes it first.
local workers_key, worker_key, delayed_key, meta_key, paused_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local key_list, lists_at = KEYS, 6
local worker, max_due, is_look_asked, queues, has_claimed = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4]), ARGV[5] == '1'
local cancels, unserved_lists, max_text, free, clock_ahead = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9], ARGV[10]
local arg_list, names_at = ARGV, 11
local score = redis.call('ZSCORE', workers_key, worker)
local alive = score and tonumber(score) > 0 and redis.call('HGET', worker_key, 'state') == 'alive'
local time = now()
if alive then
  redis.call('HDEL', worker_key, '-')
  redis.call('ZADD', workers_key, 'XX', time, worker)
  local news = has_claimed and { 'lastClaim', time } or {}
  if free ~= '' then news[#news + 1], news[#news + 2] = 'free', free end
  if clock_ahead ~= '' then news[#news + 1], news[#news + 2] = 'clock', clock_ahead end
  if #news > 0 then redis.call('HSET', worker_key, unpack(news)) end
end
local due = redis.call('ZRANGEBYSCORE', delayed_key, '-inf', time, 'LIMIT', 0, max_due)
local meta = redis.call('HMGET', meta_key, 'format', 'cancels', 'indexes')
local claims, pushed, unserved, unfit = { size = 0 }, 0, {}, {}
local looks = is_look_asked or (meta[2] or '') ~= cancels
if looks then
  local accepting_at = lists_at + queues
  local unserved_at = accepting_at + queues
  local unfit_at = unserved_at + unserved_lists
  for n = lists_at, accepting_at - 1 do
    read_claims(claims, key_list[n])
  end
  for n, text in ipairs(claims) do
    if #text > max_text then claims[n] = string.sub(text, 1, max_text) .. '\n' .. #text end
  end
  -- Their texts are others', and may be long.
  for n = accepting_at, unserved_at - 1 do pushed = pushed + redis.call('LLEN', key_list[n]) end
  for n = unserved_at, unfit_at - 1 do
    if redis.call('LLEN', key_list[n]) > 0 then unserved[#unserved + 1] = n - unserved_at end
  end
  for n = unfit_at, #key_list do
    if redis.call('HLEN', key_list[n]) > 0 then unfit[#unfit + 1] = n - unfit_at end
  end
end
local paused = {}
if redis.call('HLEN', paused_key) > 0 then
  for n = names_at, #arg_list do
    if redis.call('HEXISTS', paused_key, arg_list[n]) == 1 then paused[#paused + 1] = arg_list[n] end
  end
end
local living = redis.call('ZREVRANGEBYSCORE', workers_key, '+inf', '(0', 'WITHSCORES', 'LIMIT', 0, 2000)
return { alive and 'alive' or 'dead', due, living, claims, unserved, meta[1] or '', meta[2] or '', looks and 1 or 0, unfit, paused,
  pushed, claims.is_part and 0 or 1, time, meta[3] or '' }
