import Logging
import StepwiseRedis
import Synchronization
import Testing

@Suite("Troubles with Redis as a value")
struct RedisTroublesTests {
    private let full = RedisError(reply: "OOM command not allowed when used memory > 'maxmemory'.")
    private let alone = RedisError(reply: "NOREPLICAS Not enough good replicas to write.")
    private let changed = RedisError(reply: "WRONGPASS invalid username-password pair or user is disabled.")
    private let line = "redis takes no writes; they are sent again"

    private func warnings(_ log: CollectedLog) -> [CollectedLog.Line] { log.lines.filter { $0.level == .warning } }

    @Test func `A trouble is told once a reason, whoever has it, and once when the last one is over it`() {
        let log = CollectedLog()
        let troubles = RedisTroubles(logger: log.logger, interval: .seconds(3600))
        let (one, other) = (troubles.newSource(), troubles.newSource())
        for _ in 0..<3 {
            troubles.note(full, by: one)
            troubles.note(full, by: other)
        }
        #expect(warnings(log).map(\.message) == [line])
        #expect(warnings(log).first?.metadata["cause"]?.contains("raise its maxmemory") == true)
        // Of one fault Redis has a text for each script.
        troubles.note(RedisError(reply: full.message + " script: 0a1b, on @user_script:3."), by: one)
        #expect(warnings(log).count == 1)
        troubles.note(alone, by: one)
        #expect(warnings(log).count == 2)
        troubles.over(one)
        #expect(log.lines("redis takes writes again").isEmpty)
        troubles.over(other)
        #expect(log.lines("redis takes writes again").count == 1)
        troubles.over(other)
        #expect(log.lines("redis takes writes again").count == 1)
    }

    @Test func `A lost connection is a notice: what keeps it from coming back is a warning, one for each reason`() {
        let log = CollectedLog()
        let troubles = RedisTroubles(logger: log.logger, interval: .seconds(3600))
        let readOnly = RedisError(reply: "READONLY You can't write against a read only replica.")
        let sources = [troubles.newSource(), troubles.newSource()]
        for source in sources {
            troubles.note(lost: readOnly, at: "redis", by: source)
            troubles.note(connection: "cannot be used", .replica, at: "redis", by: source)
            // The same in other words.
            troubles.note(connection: "waiting", readOnly, at: "redis", by: source)
            troubles.note(
                connection: "waiting", RedisError(.unavailable, "opening failed"), at: "redis", by: source,
                follows: true)
        }
        #expect(warnings(log).map(\.message) == ["cannot be used"])
        let lost = log.lines("the connection to redis was lost; reconnecting")
        #expect(lost.map(\.level) == [.notice, .debug])
        for source in sources { troubles.over(source) }
        #expect(log.lines("redis answers again").map(\.level) == [.notice])
    }

    @Test func `A reason that differs in its numbers only is no other reason`() {
        let log = CollectedLog()
        let troubles = RedisTroubles(logger: log.logger, interval: .seconds(3600))
        for seconds in [3, 4, 10] {
            let error = RedisError(.ambiguous, "the server has been silent for \(seconds) s")
            troubles.note(connection: "lost", error, at: "redis", by: troubles.newSource())
        }
        #expect(warnings(log).count == 1)
        troubles.note(
            connection: "lost", RedisError(.unavailable, "Connection refused"), at: "redis", by: troubles.newSource())
        #expect(warnings(log).count == 2)
    }

    @Test func `A trouble that goes on is told again after the interval`() {
        let log = CollectedLog()
        let troubles = RedisTroubles(logger: log.logger, interval: .zero)
        let source = troubles.newSource()
        for _ in 0..<3 { troubles.note(full, by: source) }
        #expect(warnings(log).map(\.message) == [line, line, line])
    }

    @Test func `Only what a person has to mend ends a worker, and only if it lasts for the limit`() {
        let ends = Mutex(0)
        for (limit, count) in [(Duration.zero, 4), (Duration.seconds(3600), 0)] {
            ends.withLock { $0 = 0 }
            let troubles = RedisTroubles(logger: CollectedLog().logger, permanentLimit: limit)
            troubles.onPermanent { _ in ends.withLock { $0 += 1 } }
            let source = troubles.newSource()
            for reply in [
                "LOADING Redis is loading the dataset in memory",
                "READONLY You can't write against a read only replica.",
                "MASTERDOWN Link with MASTER is down", "CLUSTERDOWN The cluster is down", alone.message, full.message,
                "MISCONF Errors writing to the AOF file: No space left on device", "ERR max number of clients reached",
            ] {
                troubles.note(RedisError(reply: reply), by: source)
                troubles.note(connection: "lost", RedisError(reply: reply), at: "redis", by: source)
            }
            troubles.note(connection: "lost", RedisError(.unavailable, "no address", fault: .host), at: "", by: source)
            #expect(ends.withLock { $0 } == 0)
            troubles.note(changed, by: source)
            troubles.note(connection: "lost", changed, at: "redis", by: source)
            troubles.note(RedisError(reply: "NOPERM this user has no permissions"), by: source)
            troubles.note(RedisError(reply: "MOVED 5718 127.0.0.1:27002"), by: source)
            #expect(ends.withLock { $0 } == count)
        }
    }

    @Test func `An outage in between begins the time anew`() async throws {
        let ends = Mutex(0)
        let troubles = RedisTroubles(logger: CollectedLog().logger, permanentLimit: .milliseconds(100))
        troubles.onPermanent { _ in ends.withLock { $0 += 1 } }
        let source = troubles.newSource()
        troubles.note(changed, by: source)
        try await Task.sleep(for: .milliseconds(150))
        troubles.note(RedisError(.unavailable, "Connection refused"), by: source)
        troubles.note(changed, by: source)
        #expect(ends.withLock { $0 } == 0)
        try await Task.sleep(for: .milliseconds(150))
        troubles.note(changed, by: source)
        #expect(ends.withLock { $0 } == 1)
    }

    @Test(
        arguments: [
            ("LOADING Redis is loading the dataset in memory", true), ("BUSY Redis is busy running a script.", true),
            ("CLUSTERDOWN The cluster is down", true), ("NOREPLICAS Not enough good replicas to write.", true),
            ("ERR max number of clients reached", true), ("OOM command not allowed", true), ("MISCONF no", true),
            ("ERR Error running script (call to f_0a1b): @user_script:7: @user_script: 7: -OOM Too much.", true),
            ("NOSCRIPT No matching script. Please use EVAL.", true),
            ("BUSYGROUP Consumer Group name already exists", false), ("BUSYKEY Target key name already exists.", false),
            ("ERR a value that quotes OOM and NOSCRIPT", false), ("WRONGTYPE Operation against a key", false),
            ("NOAUTH Authentication required.", false), ("WRONGPASS no", false), ("NOPERM no", false),
            ("MOVED 5718 127.0.0.1:27002", false), ("CLUSTERDOWN Hash slot not served", false),
        ] as [(String, Bool)])
    func `Whether a reply may pass is told by its code, for workers and clients alike`(reply: String, mayPass: Bool) {
        #expect(RedisError(reply: reply).mayPass == mayPass)
    }

    @Test func `What to do is said of each fault`() {
        for (reply, advice) in [
            ("NOREPLICAS Not enough good replicas to write.", "min-replicas-to-write"), ("MISCONF no", "its disk"),
            ("OOM no", "raise its maxmemory"), ("ERR max number of clients reached", "raise its maxclients"),
            ("READONLY no", "name its master"), ("NOPERM no", "the guide \"Permissions\""),
            ("MOVED 5718 127.0.0.1:27002", "name in the URL the node that has the namespace, 127.0.0.1:27002,"),
            ("CLUSTERDOWN Hash slot not served", "redis-cli --cluster fix"),
        ] {
            #expect(RedisError(reply: reply).advice.contains(advice))
        }
    }
}
