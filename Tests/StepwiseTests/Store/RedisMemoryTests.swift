import Stepwise
import Testing

@Suite("What Redis says of its memory") struct RedisMemoryTests {
    private func memory(_ used: Int, of maximum: Int, notCounted: Int = 0, policy: String = "noeviction") -> RedisMemory
    {
        RedisMemory(
            info: "# Memory\r\nused_memory:\(used)\r\nused_memory_human:1K\r\nmaxmemory:\(maximum)\r\n"
                + "maxmemory_policy:\(policy)\r\nmem_not_counted_for_evict:\(notCounted)\r\n")
    }

    @Test func `It is full where Redis refuses: above the limit, without the buffers that Redis does not count`() {
        #expect(memory(1001, of: 1000).isFull && memory(1001, of: 1000).warningOfPolicy == nil)
        #expect(!memory(1000, of: 1000).isFull)
        #expect(!memory(1001, of: 1000, notCounted: 1).isFull)
        #expect(memory(1002, of: 1000, notCounted: 1).isFull)
        #expect(memory(1001, of: 1000).sentenceWhenFull.contains("it counts 1001 bytes, and maxmemory is 1000,"))
    }

    @Test func `It is nearly full from 90 % on`() throws {
        #expect(memory(900, of: 1000).isNearlyFull)
        #expect(!memory(899, of: 1000).isNearlyFull)
        let warning = memory(950, of: 1000).warningWhenNearlyFull(try Keys(namespace: "eu"))
        #expect(warning.contains("it counts 950 bytes, 95 % of its maxmemory of 1000,"))
        #expect(warning.contains("`stepwise events --kept --clear --namespace eu`, `stepwise events --expected"))
    }

    @Test(arguments: ["allkeys-lru", "volatile-ttl"])
    func `Where Redis removes keys it is at its limit all the time, and not full`(_ policy: String) {
        #expect(!memory(1001, of: 1000, policy: policy).isFull)
        #expect(!memory(1001, of: 1000, policy: policy).isNearlyFull)
        #expect(memory(1, of: 1000, policy: policy).warningOfPolicy?.contains("maxmemory-policy is \(policy)") == true)
        #expect(memory(1, of: 0, policy: policy).warningOfPolicy == nil)
    }

    @Test(arguments: [
        ("volatile-lru", "# Keyspace\r\ndb0:keys=7,expires=0,avg_ttl=0\r\n", true),
        ("volatile-lru", "# Keyspace\r\n", true),
        ("volatile-ttl", "db0:keys=7,expires=0,avg_ttl=0\r\ndb12:keys=10,expires=10,avg_ttl=5\r\n", false),
        ("allkeys-lru", "# Keyspace\r\ndb0:keys=7,expires=0,avg_ttl=0\r\n", false),
        ("allkeys-lru", "# Keyspace\r\n", true),
    ])
    func `With another policy it is full once no key is left that Redis may remove`(
        policy: String, keyspace: String, isFull: Bool
    ) {
        let info = "used_memory:1001\r\nmaxmemory:1000\r\nmaxmemory_policy:\(policy)\r\n"
        let memory = RedisMemory(info: info, keyspace: keyspace)
        #expect(memory.isFull == isFull && memory.isNearlyFull == isFull)
        #expect(memory.sentenceWhenFull.contains("no key is left that its maxmemory-policy \(policy) may remove"))
        let near = RedisMemory(info: info.replacing("1001", with: "950"), keyspace: keyspace)
        #expect(!near.isFull && near.isNearlyFull == isFull)
    }

    @Test(arguments: [
        "", "used_memory:5\r\n", "used_memory:5\r\nmaxmemory:0\r\n",
        "used_memory:5\r\nmaxmemory:18446744073709551615\r\n",
    ])
    func `Without a limit, or without what tells it, it is not full`(_ info: String) {
        #expect(!RedisMemory(info: info).isFull && !RedisMemory(info: info).isNearlyFull)
    }

    @Test func `A server that does not tell its policy has none`() {
        #expect(RedisMemory(info: "used_memory:11\r\nmaxmemory:10\r\n").isFull)
    }
}
