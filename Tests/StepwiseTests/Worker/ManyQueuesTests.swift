import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Waiting costs neither slots nor connections, and nobody waits for ever. What Redis is asked is counted and not timed.
    @Suite("Workers of many queues", .serialized) struct ManyQueues {
        private static let prefix = "stepwise:{default}:"
        private static let queues = names(200)
        private static let last = queues[199]

        private static func names(_ count: Int) -> [String] { (0..<count).map { "q\($0)" } }

        private let note = Workflow("note") { (context, number: Int) async throws -> Int in
            try await context.run("note") { number }
        }

        /// How many connections wait for an item.
        private func waiting(_ server: RedisServer) async throws -> Int {
            let clients = try await server.command("CLIENT", "LIST").string ?? ""
            return clients.split(separator: "\n").count { $0.contains("cmd=blmove") }
        }

        /// How many connections there are.
        private func connections(_ server: RedisServer) async throws -> Int {
            try await server.command("CLIENT", "LIST").string?.split(separator: "\n").count ?? 0
        }

        private func length(of list: String, _ server: RedisServer) async throws -> Int {
            try await server.command("LLEN", .init(Self.prefix + list)).integer ?? 0
        }

        /// The keys of the lists in which workers hold what they have claimed.
        private func claims(_ server: RedisServer) async throws -> [String] {
            var found: [String] = []
            for kind in ["claimed:*", "accepting:*"] {
                let keys = try await server.command("KEYS", .init(Self.prefix + kind)).array ?? []
                found += keys.compactMap(\.string)
            }
            return found
        }

        private func status(of run: String, _ server: RedisServer) async throws -> String? {
            try await server.command("HGET", .init(Self.prefix + "run:" + run), "status").string
        }

        /// The looks at many lists among some requests, by one that has the last queue's inbox in it.
        private func looks(_ requests: [String]) -> Int {
            let words = ["\"EXISTS\"", "inbox:q190\"", "inbox:\(Self.last)\""]
            return requests.count { request in words.allSatisfy { request.contains($0) } }
        }

        @Test func `A worker claims from 1 to 1,000 queues with 1 to 1,000 slots, whichever are more`() async throws {
            let redis = try RedisEndpoint("redis://localhost")
            func make(_ queues: Int, _ slots: Int) throws {
                _ = try StepwiseWorker(
                    redis: redis, workflows: [note],
                    configuration: .init(queues: Self.names(queues), concurrency: slots), logger: .silent)
            }
            try make(1000, 1)
            try make(1, 1000)
            for (queues, slots) in [(1001, 1000), (1, 1001), (1, 0)] {
                let code = await errorCode { try make(queues, slots) }
                #expect(code == .invalidConfiguration)
            }
        }

        @Test func `A queue whose items come while another one takes all slots gets its turn`() async throws {
            let begun = Tally()
            let work = Workflow("work") { (context, name: String) async throws -> String in
                try await context.run("work") {
                    begun.add(name)
                    try await Task.sleep(for: .milliseconds(20))
                    return name
                }
            }
            try await withWorker([work], configuration: .init(queues: ["a", "b"], concurrency: 1)) {
                client, server in
                try await eventually("all lists are waited for") { try await waiting(server) == 4 }
                let first = try await client.enqueue(
                    work.workflowName, each: (0..<400).map { "a\($0)" }, .queue("a"))
                try await eventually("the slots are taken") { begun.all.count >= 10 }
                for number in 0..<15 {
                    let name = "b\(number)"
                    let run = try await client.enqueue(work, name, .queue("b"))
                    #expect(try await run.result(timeout: patience) == name)
                }
                // A few of the others go before each; if it had to be lucky, nearly all would.
                let others = begun.all.count { $0.hasPrefix("a") }
                #expect(others < 150, "\(others)")
                for run in first { _ = try await run.result(timeout: patience) }
            }
        }

        @Test(.rule(8))
        func `A worker of 200 queues waits for 32 lists, and executes what comes to any of them`() async throws {
            try await withWorker([note], configuration: .init(queues: Self.queues)) { client, server in
                try await eventually("the first lists are waited for") { try await waiting(server) == 32 }
                for queue in ["q0", "q15", "q16", Self.last] {
                    #expect(try await client.enqueue(note, 7, .queue(queue)).result(timeout: patience) == 7)
                    let item = #"{"workflow":"note","payload":1,"id":"pushed-\#(queue)"}"#
                    _ = try await server.command("LPUSH", .init(Self.prefix + "inbox:" + queue), .init(item))
                    try await eventually("the pushed run of \(queue) completes") {
                        try await status(of: "pushed-\(queue)", server) == "completed"
                    }
                    #expect(try await waiting(server) <= 32)
                }
                // The worker's others are for commands and for the beat; the client has one or two, and one asks here.
                #expect(try await connections(server) <= 32 + 2 + 3)
                try await expectSound(client, within: patience)
            }
        }

        @Test(.rule(8), arguments: [(200, 60), (1000, 130)])
        func `An idle worker of many queues looks at them in a few requests, four times a second`(
            _ count: Int, _ limit: Int
        ) async throws {
            try await withWorker([note], configuration: .init(queues: Self.names(count))) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                try await eventually("the first lists are waited for") { try await waiting(server) == 32 }
                let monitor = try await ScriptMonitor(server)
                let begin = ContinuousClock.now
                try await ContinuousClock().sleep(for: .seconds(4))
                let seconds = (ContinuousClock.now - begin) / .seconds(1)
                let requests = try await monitor.requests()
                monitor.stop()
                // 16 blocking moves that end after 2 s, four looks of a request for 100 lists, two beats, and a little upkeep.
                #expect(Double(requests.count) / seconds < Double(limit), "\(requests.count) requests in \(seconds) s")
                #expect(looks(requests) > 0 && Double(looks(requests)) / seconds < 5)
                #expect(!requests.contains { $0.contains("\"LMOVE\"") })
            }
        }

        @Test(.rule(8))
        func `Who looks after the dead asks about 100 lists at a time, and finds what one of them holds`() async throws
        {
            try await withWorker([note], configuration: .init(queues: Self.queues)) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                let monitor = try await ScriptMonitor(server)
                let now = try await client.redisTime()
                let queues = RedisArgument(Self.queues.joined(separator: " "))
                for number in 0..<30 {
                    let name = "dead-\(number)"
                    _ = try await server.command(
                        "HSET", .init(Self.prefix + "worker:" + name), "state", "dead", "queues", queues)
                    _ = try await server.command("ZADD", .init(Self.prefix + "workers"), .init(-now), .init(name))
                }
                let claim = Self.prefix + "claimed:dead-17:" + Self.last
                _ = try await server.command("LPUSH", .init(claim), "turn nobody 1")
                try await eventually("the claim has gone back") { try await !claims(server).contains(claim) }
                let requests = try await monitor.requests()
                monitor.stop()
                let questions = requests.filter { $0.contains("\"EXISTS\"") && $0.contains(":dead-") }
                #expect(questions.count >= 30)
                let longest = questions.map { $0.split(separator: "\" \"").count - 1 }.max() ?? 0
                #expect(longest <= 100, "a question about \(longest) lists")
            }
        }

        @Test(.rule(8))
        func `A claim whose reply was lost in one of 200 queues is found without a question for each of them`()
            async throws
        {
            try await withWorker([note], configuration: .init(queues: Self.queues)) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                let worker = try #require(try await client.workers().first?.name)
                let monitor = try await ScriptMonitor(server)
                let claim = Self.prefix + "claimed:\(worker):" + Self.last
                _ = try await server.command("LPUSH", .init(claim), #"broadcast news 9000000000000000 "x""#)
                let item = #"{"workflow":"note","payload":1,"id":"pushed-lost"}"#
                _ = try await server.command("LPUSH", .init(Self.prefix + "accepting:\(worker):q198"), .init(item))
                try await eventually("both have come to their ends") {
                    let status = try await status(of: "pushed-lost", server)
                    return try await !claims(server).contains(claim) && status == "completed"
                }
                let requests = try await monitor.requests()
                monitor.stop()
                let looks = requests.count { $0.contains("\"LPOS\"") }
                #expect(looks > 0 && looks < 50, "\(looks) lists were looked through")
                let releases = requests.count { $0.contains("\"EVALSHA\"") && $0.contains(":inbox:") }
                #expect(releases > 0 && releases < 50, "\(releases) inboxes were asked for")
            }
        }

        @Test(.rule(8))
        func `What comes to a queue with traffic does not wait for a look each time`() async throws {
            // Fewer slots than queues, and one only: it claims one item at a time.
            let configuration = StepwiseWorker.Configuration(queues: Self.queues, concurrency: 1)
            try await withWorker([note], configuration: configuration) { client, server in
                try await eventually("the worker is there") { try await client.workers().count == 1 }
                let monitor = try await ScriptMonitor(server)
                // What lies there together:
                let runs = try await client.enqueue(note.workflowName, each: 0..<60, .queue(Self.last))
                for run in runs { _ = try await run.result(timeout: patience) }
                let together = looks(try await monitor.requests())
                #expect(together < 60)
                // And what comes one after the other, each once the one before it has ended:
                for number in 0..<40 {
                    _ = try await client.enqueue(note, number, .queue(Self.last)).result(timeout: patience)
                }
                let all = looks(try await monitor.requests())
                monitor.stop()
                #expect(all - together < 20)
            }
        }

        @Test(.rule(10))
        func `What comes for a worker without a free slot goes back at once, and another worker executes it`()
            async throws
        {
            let gate = Latch()
            let held = Tally()
            let hold = Workflow("hold") { (context, _: Int) async throws -> Void in
                try await context.run("hold") {
                    held.add("hold")
                    await gate.wait()
                }
            }
            try await withWorker([hold, note], configuration: .init(queues: ["a", "b"], concurrency: 1)) {
                client, server in
                try await eventually("all lists are waited for") { try await waiting(server) == 4 }
                let holder = try await client.enqueue(hold, 0, .queue("a"))
                try await eventually("the slot is taken") { held["hold"] == 1 }
                // The blocking move that waits there takes it.
                let run = try await client.enqueue(note, 7, .queue("b"))
                try await eventually("it is back") {
                    let claims = try await claims(server)
                    let back = try await length(of: "queue:b", server)
                    return back == 1 && !claims.contains { $0.hasSuffix(":b") }
                }
                try await withWorkers(server, note, configuration: .init(queues: ["b"])) {
                    let result = try await run.result(timeout: patience)
                    #expect(result == 7)
                }
                gate.open()
                try await holder.result(timeout: patience)
            }
        }

        @Test(.rule(10))
        func `A worker of 200 queues that leaves claims nothing more, and gives back what it holds in any of them`()
            async throws
        {
            let begun = Tally()
            let isOpen = Flag()
            let long = Workflow("long") { (context, number: Int) async throws -> Int in
                try await context.run("long") {
                    begun.add("\(number)")
                    if !isOpen.isSet { try await Task.sleep(for: .seconds(60)) }
                    return number
                }
            }
            try await RedisServer.withServer { server in
                let redis = try RedisEndpoint(server.url)
                let client = try StepwiseClient(redis: redis, logger: .silent)
                let configuration = StepwiseWorker.Configuration(
                    queues: Self.queues, concurrency: 3, shutdownGrace: .milliseconds(100))
                let worker = RunningWorker(
                    try StepwiseWorker(redis: redis, workflows: [long], configuration: configuration, logger: .silent))
                let queues = ["q3", "q40", "q80", "q120", Self.last]
                var runs: [WorkflowRun<Int>] = []
                for (number, queue) in queues.enumerated() {
                    runs.append(try await client.enqueue(long, number, .queue(queue)))
                }
                try await eventually("the slots are taken") { begun.all.count == 3 }
                try await worker.end()
                #expect(try await claims(server).isEmpty)
                #expect(try await server.command("ZCARD", .init(Self.prefix + "workers")).integer == 0)
                try await eventually("its connections are gone") { try await waiting(server) == 0 }
                for queue in queues { #expect(try await length(of: "queue:\(queue)", server) == 1) }
                #expect(begun.all.count == 3)
                isOpen.set()
                try await withWorkers(server, long, configuration: .init(queues: Self.queues)) {
                    for (number, run) in runs.enumerated() {
                        let result = try await run.result(timeout: patience)
                        #expect(result == number)
                    }
                }
                try await expectSound(client, within: patience)
                await client.close()
            }
        }

        @Test(.rule(10))
        func `From a paused queue that is looked at nothing is claimed until it is resumed, and the others go on`()
            async throws
        {
            try await RedisServer.withServer { server in
                let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                try await client.pause(queue: Self.last)
                let runs = try await client.enqueue(note.workflowName, each: 0..<2, .queue(Self.last))
                try await withWorkers(server, note, configuration: .init(queues: Self.queues)) {
                    // Whoever looks at this one sees that there is something in the other.
                    #expect(try await client.enqueue(note, 7, .queue("q198")).result(timeout: patience) == 7)
                    #expect(try await length(of: "queue:\(Self.last)", server) == 2)
                    try await client.resume(queue: Self.last)
                    for (number, run) in runs.enumerated() {
                        #expect(try await run.result(timeout: patience) == number)
                    }
                }
                try await expectSound(client, within: patience)
                await client.close()
            }
        }
    }
}
