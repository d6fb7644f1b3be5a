-- withdraw: a step that no longer waits for an event leaves its run's mailbox and the event's list.
-- KEYS  1 claimed:<worker>:<queue>  2 mail:<id>  3 event:<name>
-- ARGV  1 text of the claim  2 id  3 generation  4 number of the call  5 name  6 step  7 queue
-- Reply {'withdrawn'}
-- Guarantees: a later generation's step that waits is another entry; sent again, it changes nothing.
redis.call('LREM', KEYS[1], -1, ARGV[1])
redis.pcall('ZREM', KEYS[2], mail_waiter(ARGV[5], ARGV[3], tonumber(ARGV[4]), ARGV[6]))
redis.pcall('ZREM', KEYS[3], event_waiter(ARGV[7], ARGV[2], ARGV[3], ARGV[6]))
return { 'withdrawn' }
