-- inspect: how one run stands, for a reader: its fields, where it is listed, its counts, a page of its open steps and
-- one of its outcomes. Changes nothing.
-- KEYS  1 run:<id>  2 steps:<id>  3 open:<id>  4 join:<id>  5... runs:<status> of each status, and dead
-- ARGV  1 id  2 cursor of the page of open steps ('' : none)  3 outcomes after this number ('' : none)
-- Reply {{the fields below}, {1, 0, or -1 for a key of another type, for each runs:<status> and dead}, open steps, join, outcomes,
--       next cursor ('' : the end), {step, text, ...}, {the beginning of each record, up to its step, as one JSON object; '' for a
--       missing number}}
-- Guarantees: what it tells was so at one moment. At most about 1,000 open steps, and 1,000 outcomes or 1 MiB of them.
local FIELDS = {
  'workflow', 'status', 'queue', 'generation', 'turn', 'turns', 'recorded', 'delivered', 'inline', 'reason', 'restarted', 'deadline', 'joins',
}
local listed = {}
for n = 5, #KEYS do
  -- A key of another type is reported by whoever looks at the keys; it must not hide the run.
  local score = redis.pcall('ZSCORE', KEYS[n], ARGV[1])
  listed[#listed + 1] = type(score) == 'string' and 1 or type(score) == 'table' and -1 or 0
end
local outcomes = redis.call('HLEN', KEYS[2])
local cursor, open, steps = '', {}, {}
if ARGV[2] ~= '' then
  local page = redis.call('HSCAN', KEYS[3], ARGV[2], 'COUNT', 1000)
  cursor, open = page[1] == '0' and '' or page[1], page[2]
end
if ARGV[3] ~= '' then
  local from = tonumber(ARGV[3])
  for _, record in ipairs(outcomes_after(KEYS[2], from, math.max(from, outcomes))) do
    -- A quote inside the step's name has a backslash before it, so the first of these is the end of the name.
    local ending = string.find(record, '","', 1, true)
    steps[#steps + 1] = ending and string.sub(record, 1, ending) .. '}' or string.sub(record, 1, 200)
  end
end
return {
  redis.call('HMGET', KEYS[1], unpack(FIELDS)), listed, redis.call('HLEN', KEYS[3]), redis.call('GET', KEYS[4]),
  outcomes, cursor, open, steps,
}
