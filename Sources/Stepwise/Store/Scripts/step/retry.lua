-- retry: an attempt failed and another is allowed: the step waits in `delayed`, with its count and the failure in `open`.
-- KEYS  run      run:<id>
--       steps    steps:<id>
--       open     open:<id>
--       claimed  claimed:<worker>:<queue>
--       delayed
-- ARGV  id
--       worker
--       text         of the claim (the step's, or the turn's)
--       number       of the turn, '' for a claimed step
--       step
--       generation
--       attempt      that failed
--       delay        in ms
--       queue
--       upto         with a turn: up to which outcome the function has received them
--       failure      how the attempt failed, JSON without its closing brace
--       took         how many ms it took
--       max_elapsed  how many ms after the first attempt's begin another may begin, '' for no end
--       of           how many attempts the step may have, '' for no end
-- Reply {'delayed'}; {'more', opened, recorded, delivered, page}: delayed, and the turn stays for what was recorded meanwhile;
--       {'exhausted'}: too late for another, nothing was changed; {'withdrawn'}; {'stale'}
-- Guarantees: one mover for the step at every moment; sent again, it changes nothing. The step says when the next attempt is due (`called`): it
--       is queued then (promote).
local run_key, steps_key, open_key, claimed_key, delayed_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local id, worker, text, number, step, generation, attempt, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local queue, upto, failure, took, max_elapsed, of = ARGV[9], ARGV[10], ARGV[11], ARGV[12], ARGV[13], ARGV[14]
upto = tonumber(upto)
local run = read_run(run_key)
redis.call('ZCARD', delayed_key)
local open = run and find_open(run, open_key, step)
local next_attempt = tonumber(attempt) + 1
local has_turn = number ~= ''
local holds
if has_turn then holds = is_live(run) and holds_turn(run, worker, number) else holds = prove_claim(claimed_key, text) end
if not holds or (has_turn and run.inline ~= step) then
  if holds then return more_reply(run, steps_key, upto) end
  return { open and open.attempt == tostring(next_attempt) and 'delayed' or 'stale' }
end
local wanted = is_live(run) and open and run.generation == generation and open.attempt == attempt
  and open.where == (has_turn and 'inline' or 'item')
local since, lines
if wanted then
  since, lines = string.match(open.rest, '^ (%d+)(.*)$')
  if not since then since, lines = string.format('%.0f', now() - tonumber(took)), '' end
  if max_elapsed ~= '' and now() + tonumber(delay) - since > tonumber(max_elapsed) then return { 'exhausted' } end
end
local held = { run = run_key, claimed = claimed_key, text = text, has_turn = has_turn, upto = upto }
local outcome = hand_over_step(run, held, wanted, function()
  lines = lines .. '\n' .. failure .. ',"at":' .. now() .. ',"delay":' .. delay .. '}'
  local _, count = string.gsub(lines, '\n', '')
  if count > 20 then lines = string.match(lines, '^\n[^\n]*(.*)$') end
  note_wait(open, since)
  local due = string.format('%.0f', now() + tonumber(delay))
  -- A mark belongs to its attempt.
  local kind = read_mark(open) and 'run' or open.kind
  local again = {
    kind = kind, attempt = next_attempt, lost = open.lost, limits = open.limits, called = due, waited = open.waited,
    of = of ~= '' and of, rest = ' ' .. since .. lines,
  }
  redis.call('HSET', open_key, step, open_text(again, 'item'))
  redis.call('ZADD', delayed_key, due,
    queue .. ' ' .. step_text(id, generation, next_attempt, step))
end)
if outcome == 'more' then return more_reply(run, steps_key, upto) end
return { outcome == 'done' and 'delayed' or 'withdrawn' }
