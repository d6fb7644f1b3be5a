-- trim_malformed: entries of `malformed` that are past their age leave. The oldest are at its right end.
-- KEYS  malformed
-- ARGV  age  in ms
-- Reply how many entries left, at most 1,000
local malformed_key = KEYS[1]
local age = tonumber(ARGV[1])
local before, count = now() - age, 0
while count < 1000 do
  local entry = redis.pcall('LINDEX', malformed_key, -1 - count)
  if type(entry) ~= 'string' then break end
  -- What somebody else has written here has no time, and leaves.
  local at = tonumber(string.match(entry, '"at":(%d+)}$')) or 0
  if at > before then break end
  count = count + 1
end
if count > 0 then redis.call('LTRIM', malformed_key, 0, -1 - count) end
return count
