-- The store puts this before the scripts that make runs with labels, remove them, or keep the indexes of labels. It is not a script of its own.
-- label:<name> is the index of a label: a sorted set in which all have the score 0, so that Redis sorts them by their bytes. The indexes that
-- a namespace has stand in the field `indexes` of `meta`, names separated by spaces; `indexing` has those of them that are not complete, each
-- with a `=` and when it has begun.

-- A run's labels by their names; none of what cannot be read. `json`: as they are stored.
local function read_labels(json)
  local is_read, labels = pcall(cjson.decode, json or '')
  return is_read and type(labels) == 'table' and labels or {}
end

-- How a run stands in the index of a label: by the label's value, and among those of one value by its creation. A value has no control
-- characters: what comes before the line feed is the whole of it. nil for a run without that label.
local function label_entry(labels, name, created, id)
  local value = labels[name]
  if type(value) ~= 'string' then return nil end
  return value .. '\n' .. string.format('%015.0f', tonumber(created) or 0) .. '\n' .. id
end

-- Writes a new run into the indexes of its labels. To be called after the first write. `names`: what the caller takes for indexed; `keys`: the
-- indexes, in the same order. What has none any more, by what `meta` says now, gets no entry: nobody would remove it.
local function enter_indexes(meta_key, names, keys, json, created, id)
  local declared, labels = redis.pcall('HGET', meta_key, 'indexes'), read_labels(json)
  if type(declared) ~= 'string' then return end
  for n, name in ipairs(names) do
    local entry = has_word(declared, name) and label_entry(labels, name, created, id)
    if entry then redis.pcall('ZADD', keys[n], 0, entry) end
  end
end

-- Takes a run that is removed out of the indexes of its labels.
local function leave_indexes(names, keys, json, created, id)
  local labels = #names > 0 and read_labels(json)
  for n, name in ipairs(names) do
    local entry = label_entry(labels, name, created, id)
    if entry then redis.pcall('ZREM', keys[n], entry) end
  end
end
