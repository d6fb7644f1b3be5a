-- inspect: how one run stands, for a reader: its fields, where it is listed, its counts, a page of its open steps and
-- one of its outcomes. Changes nothing.
-- KEYS  run       run:<id>
--       steps     steps:<id>
--       open      open:<id>
--       join      join:<id>
--       lists...  runs:<status> of each status, and dead
-- ARGV  id
--       cursor  of the page of open steps, '' for none
--       from    outcomes after this number, '' for none
-- Reply {{the fields below}, {1, 0, or -1 for a key of another type, for each runs:<status> and dead}, open steps, join, outcomes,
--       next cursor ('' : the end), {step, text, ...}, {the beginning of each record, up to its step, as one JSON object; '' for a
--       missing number}}
-- Guarantees: what it tells was so at one moment. At most about 1,000 open steps, and 1,000 outcomes or 1 MiB of them.
local run_key, steps_key, open_key, join_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local key_list, lists_at = KEYS, 5
local id, cursor, from = ARGV[1], ARGV[2], ARGV[3]
local FIELDS = {
  'workflow', 'status', 'queue', 'generation', 'turn', 'turns', 'recorded', 'delivered', 'inline', 'reason', 'restarted', 'deadline', 'joins',
  'ending',
}
local listed = {}
for n = lists_at, #key_list do
  -- A key of another type is reported by whoever looks at the keys; it must not hide the run.
  local score = redis.pcall('ZSCORE', key_list[n], id)
  listed[#listed + 1] = type(score) == 'string' and 1 or type(score) == 'table' and -1 or 0
end
local outcomes = redis.call('HLEN', steps_key)
local next_cursor, open, steps = '', {}, {}
if cursor ~= '' then
  local page = redis.call('HSCAN', open_key, cursor, 'COUNT', 1000)
  next_cursor, open = page[1] == '0' and '' or page[1], page[2]
end
if from ~= '' then
  for _, record in ipairs(outcomes_after(steps_key, tonumber(from), math.max(tonumber(from), outcomes))) do
    -- A quote inside the step's name has a backslash before it, so the first of these is the end of the name.
    local ending = string.find(record, '","', 1, true)
    steps[#steps + 1] = ending and string.sub(record, 1, ending) .. '}' or string.sub(record, 1, 200)
  end
end
return {
  redis.call('HMGET', run_key, unpack(FIELDS)), listed, redis.call('HLEN', open_key), redis.call('GET', join_key),
  outcomes, next_cursor, open, steps,
}
