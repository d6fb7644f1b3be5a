-- Redis runs Lua 5.1 and hands a script these.
std = "lua51"
read_globals = { "redis", "cjson", "KEYS", "ARGV" }
max_line_length = 150

-- The store puts prelude.lua and run.lua before scripts, and apply_plan.lua, deliver_event.lua or label_indexes.lua before some (ScriptLibrary.swift). To luacheck, which reads one file
-- at a time, what they define is unused there and unknown in the others; so it is read from them here.
local folder = "Sources/Stepwise/Store/Scripts/lib/"
for _, name in ipairs({ "prelude.lua", "run.lua", "apply_plan.lua", "deliver_event.lua", "label_indexes.lua" }) do
  files[folder .. name] = { ignore = { "211" } }
  for line in io.lines(folder .. name) do
    local defined = line:match("^local function ([%w_]+)") or line:match("^local ([%w_]+)")
    if defined then read_globals[#read_globals + 1] = defined end
  end
end
