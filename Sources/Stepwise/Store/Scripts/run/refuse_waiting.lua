-- refuse_waiting: a pushed run that would wait, where the most that may wait already do, goes to `malformed` as the item that it was. It has never
-- opened a step.
-- KEYS  run       run:<id>
--       steps     steps:<id>
--       open      open:<id>
--       join      join:<id>
--       mail      mail:<id>
--       seen      seen:<id>
--       expected
--       claimed   claimed:<worker>:<queue>
--       running   runs:running
--       delayed
--       malformed
--       indexes...  label:<name> of each label that has an index
-- ARGV  id
--       text         of the claim, a turn's
--       worker
--       entry        JSON of a `malformed` entry, without reason, item and closing brace
--       reason
--       max_entries  how many entries `malformed` keeps
--       names...     of the labels that have these indexes
-- Reply 1, or 0 if the caller does not hold the turn, or the run may wait, or has opened a step: nothing was changed
-- Guarantees: what a client or a step has sent to the run stays, as to one that is not there yet. Where all that it was sent was pushed, that
--       leaves with it: `expected` has no bound in number.
local run_key, steps_key, open_key, join_key, mail_key, seen_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local expected_key, claimed_key, running_key, delayed_key, malformed_key = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local key_list, indexes_at = KEYS, 12
local id, text, worker, entry, reason, max_entries = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local arg_list, names_at = ARGV, 7
local run, more = read_run(run_key, { 'created', 'pushed', 'workflow', 'queue', 'payload', 'labels' })
if not is_live(run) or is_held(run) or not prove_claim(claimed_key, text) then return 0 end
if string.match(run.turn, '^%S+') ~= worker or more[2] ~= '1' or not is_untouched(run, more[1]) then return 0 end
redis.call('LLEN', malformed_key)
local item = '{"workflow":' .. cjson.encode(more[3]) .. ',"id":' .. cjson.encode(id)
if more[6] then item = item .. ',"labels":' .. more[6] end
local deadline = tonumber(run.deadline)
if deadline then item = item .. ',"timeout":' .. string.format('%.0f', deadline - more[1]) end
item = item .. ',"payload":' .. more[5] .. '}'
-- Besides the pushed messages and their count.
local pushed = pushed_mail(mail_key)
local has_other_mail = redis.call('ZCARD', mail_key) > (pushed > 0 and pushed + 1 or 0) or redis.call('ZSCORE', expected_key, id)
drop_claim(claimed_key, text)
redis.call('UNLINK', run_key, steps_key, open_key, join_key)
redis.pcall('ZREM', running_key, id)
if more[6] then leave_indexes({ unpack(arg_list, names_at) }, { unpack(key_list, indexes_at) }, more[6], more[1], id) end
drop_limits(delayed_key, { limit_entry(more[4], id, run.generation, '') })
if has_other_mail then redis.pcall('ZADD', expected_key, now(), id) else redis.call('UNLINK', mail_key, seen_key) end
refuse(malformed_key, refused_entry(entry, reason, item), max_entries)
publish_end(run_key, run.awaited)
return 1
