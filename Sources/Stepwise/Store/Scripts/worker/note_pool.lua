-- note_pool: notes whether Swift's pool begins the bodies that a worker hands to it, and what holds its threads for .blocking bodies, for people
-- to see.
-- KEYS  worker  worker:<worker>
-- ARGV  number    of the note: what comes after a later one changes nothing
--       age       for how many ms the pool has begun nothing, '' once it goes on
--       bodies    some that it has begun and that have not returned, a JSON array, '' for none
--       blocking  some that nobody waits for, once such hold all threads for .blocking bodies, a JSON array, '' if they do not
-- Reply 1 if it is noted, else 0
-- Guarantees: changes an entry and never makes one.
local worker_key = KEYS[1]
local number, age, bodies, blocking = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local entry = redis.call('HMGET', worker_key, 'state', 'poolNotes')
if entry[1] ~= 'alive' or number <= (tonumber(entry[2] or '') or 0) then return 0 end
redis.call('HDEL', worker_key, 'pool', 'poolBodies', 'blockingBodies')
redis.call('HSET', worker_key, 'poolNotes', number)
if age ~= '' then redis.call('HSET', worker_key, 'pool', string.format('%.0f', now() - age)) end
if bodies ~= '' then redis.call('HSET', worker_key, 'poolBodies', bodies) end
if blocking ~= '' then redis.call('HSET', worker_key, 'blockingBodies', blocking) end
return 1
