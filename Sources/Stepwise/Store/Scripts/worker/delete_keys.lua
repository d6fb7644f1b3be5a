-- delete_keys: removes a page of keys of a namespace that is being deleted, whatever their types.
-- KEYS  meta
--       keys...  at most 1,000; after all others: meta itself
-- ARGV  mark     what close_namespace has put in the place of the data format
-- Reply how many there were, or -1 if the mark is not there: the deletion has ended, and the namespace may be in use again; then nothing was
--       changed
local meta_key = KEYS[1]
local key_list, keys_at = KEYS, 2
local mark = ARGV[1]
if redis.call('HGET', meta_key, 'format') ~= mark then return -1 end
return redis.call('UNLINK', unpack(key_list, keys_at))
