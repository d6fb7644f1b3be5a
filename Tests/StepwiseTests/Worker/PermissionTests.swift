import Foundation
import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

extension Scenarios {
    /// Users with the lines of the page "Permissions", on a real server.
    @Suite("Permissions")
    struct Permissions {
        private let keys: Keys

        init() throws { keys = try Keys(namespace: "default") }

        /// A server, and a client of it that may do everything.
        private func withAdministrator(_ body: (RedisServer, RedisClient) async throws -> Void) async throws {
            try await RedisServer.withServer { server in
                let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: owner.eventLoop, logger: .silent)
                let result: Result<Void, any Error>
                do { result = .success(try await body(server, redis)) } catch { result = .failure(error) }
                await redis.close()
                await owner.close()
                try result.get()
            }
        }

        private func setUser(_ redis: RedisClient, _ user: String, _ rules: [String]) async throws {
            _ = try await redis.send(["ACL", "SETUSER", .init(user)] + rules.map { .init($0) })
        }

        private func setUsers(_ redis: RedisClient) async throws {
            for user in PermissionsPage.users { try await setUser(redis, user, PermissionsPage.rules(of: user)) }
        }

        private func endpoint(_ server: RedisServer, _ user: String) throws -> RedisEndpoint {
            let login = "unix://\(user):\(PermissionsPage.password)@"
            return try RedisEndpoint(server.url.replacing("unix://", with: login))
        }

        private func client(_ server: RedisServer, _ user: String) throws -> StepwiseClient {
            try StepwiseClient(redis: endpoint(server, user), logger: .silent)
        }

        /// What was refused to anybody.
        private func refusals(_ redis: RedisClient) async throws -> [String] {
            (try await redis.send(["ACL", "LOG"]).array ?? []).map { "\($0)" }
        }

        private func allKeys(_ redis: RedisClient) async throws -> [String] {
            (try await redis.send(["KEYS", "*"]).array ?? []).compactMap(\.string).sorted()
        }

        /// As a service without this library would push.
        private func push(_ server: RedisServer, as user: String, _ item: String, to key: String) throws -> String {
            try redisCLI(server, as: user, "LPUSH", key, item)
        }

        private func redisCLI(_ server: RedisServer, as user: String, _ words: String...) throws -> String {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            let login = ["--user", user, "--pass", PermissionsPage.password, "--no-auth-warning"]
            process.arguments = ["redis-cli", "-s", server.folder + "/redis.sock"] + login + words
            let output = Pipe()
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            let data = output.fileHandleForReading.readDataToEndOfFile()
            return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }

        private let echo = Workflow("echo") { (context, text: String) async throws -> String in
            try await context.run("say") { text }
        }

        // MARK: Before the first claim

        /// Starts a worker that must refuse to work, and expects that it names what is missing and leaves everything as it was.
        private func expectDenied(
            _ server: RedisServer, _ redis: RedisClient, _ missing: [String], _ comment: Comment? = nil,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let before = try await allKeys(redis)
            let waiting = try await redis.send(["LRANGE", .init(keys.inbox("default")), "0", "-1"])
            let worker = RunningWorker(
                try StepwiseWorker(redis: endpoint(server, "sw-worker"), workflows: [echo], logger: .silent))
            // One that does not end by itself is asked to, so that the test goes on to say so.
            let asked = Task {
                try await Task.sleep(for: patience)
                worker.leave()
            }
            let result = await worker.result
            asked.cancel()
            var thrown: StepwiseError?
            if case .failure(let error) = result { thrown = error as? StepwiseError }
            let error = try #require(thrown, "it did not refuse: \(result), \(missing)", sourceLocation: sourceLocation)
            #expect(error.code == .redisDenied, comment, sourceLocation: sourceLocation)
            let words = error.message.split { " .;".contains($0) }.map(String.init)
            let names = Set(words.filter { "+~&".contains($0.first ?? " ") })
            #expect(names == Set(missing), comment, sourceLocation: sourceLocation)
            #expect(error.message.contains("Permissions"), sourceLocation: sourceLocation)
            let after = try await allKeys(redis)
            #expect(after == before, comment, sourceLocation: sourceLocation)
            let stillWaiting = try await redis.send(["LRANGE", .init(keys.inbox("default")), "0", "-1"])
            #expect(stillWaiting == waiting, comment, sourceLocation: sourceLocation)
        }

        /// Work that a worker would claim at once.
        private func queueWork(_ redis: RedisClient) async throws {
            let item = #"{"workflow":"echo","payload":"in","id":"pushed"}"#
            _ = try await redis.send(["LPUSH", .init(PermissionsPage.pushed("default")), .init(item)])
        }

        @Test(.rule(5))
        func `A worker that lacks one command of its line says which, before it registers or claims, whichever it is`()
            async throws
        {
            try await withAdministrator { server, redis in
                try await queueWork(redis)
                let rules = try PermissionsPage.rules(of: "sw-worker")
                let commands = rules.filter { $0.hasPrefix("+") }
                #expect(commands.count > 40)
                for command in commands {
                    try await setUser(redis, "sw-worker", rules.filter { $0 != command })
                    try await expectDenied(server, redis, [command], "\(command)")
                }
            }
        }

        @Test func `A worker that may not write one kind of key, or not publish, says which`() async throws {
            try await withAdministrator { server, redis in
                try await queueWork(redis)
                let rules = try PermissionsPage.rules(of: "sw-worker")
                let all = keys.kinds(queues: ["default"]) + [keys.scratch]
                for missing in all {
                    let others = all.filter { $0 != missing }.map { "~\($0)" }
                    try await setUser(redis, "sw-worker", rules.filter { !$0.hasPrefix("~") } + others)
                    try await expectDenied(server, redis, ["~\(missing)"], "\(missing)")
                }
                try await setUser(redis, "sw-worker", rules.filter { !$0.hasPrefix("&") })
                try await expectDenied(server, redis, ["&\(keys.ended("*"))"])
            }
        }

        @Test func `Everything that is missing is named at once, also while Redis' memory is full`() async throws {
            try await withAdministrator { server, redis in
                try await queueWork(redis)
                let gone = ["+lpush", "+hdel", "+unlink", "+blmove", "+client|kill"]
                let rules = try PermissionsPage.rules(of: "sw-worker").filter {
                    !gone.contains($0) && !"~&".contains($0.first ?? " ")
                }
                let kinds = keys.kinds(queues: ["default"]).filter { $0 != keys.mail("*") && $0 != keys.delayed }
                try await setUser(redis, "sw-worker", rules + (kinds + [keys.scratch]).map { "~\($0)" })
                let missing = gone + ["~\(keys.mail("*"))", "~\(keys.delayed)", "&\(keys.ended("*"))"]
                try await expectDenied(server, redis, missing)
                _ = try await redis.send(["CONFIG", "SET", "maxmemory", "1"])
                try await expectDenied(server, redis, missing)
            }
        }

        @Test func `A worker that may not call scripts says that it could not try what they call`() async throws {
            try await withAdministrator { server, redis in
                let rules = try PermissionsPage.rules(of: "sw-worker").filter { $0 != "+lpush" }
                let kinds = keys.kinds(queues: ["default"]).map { "~\($0)" }
                let cases: [(missing: String, rules: [String])] = [
                    ("+evalsha", rules.filter { $0 != "+evalsha" }),
                    ("+script|load", rules.filter { $0 != "+script|load" }),
                    ("~\(keys.scratch)", rules.filter { !$0.hasPrefix("~") } + kinds),
                ]
                for (missing, rules) in cases {
                    try await setUser(redis, "sw-worker", rules)
                    _ = try await redis.send(["SCRIPT", "FLUSH"])
                    let worker = try StepwiseWorker(
                        redis: endpoint(server, "sw-worker"), workflows: [echo], logger: .silent)
                    let error = await #expect(throws: StepwiseError.self) { try await worker.run() }
                    #expect(error?.code == .redisDenied)
                    #expect(error?.message.contains("Missing: \(missing). Without it") == true, "\(missing)")
                }
                // What can be tried is told as before, without a word of more.
                try await setUser(redis, "sw-worker", rules)
                try await expectDenied(server, redis, ["+lpush"])
            }
        }

        @Test func `A wrong password is no missing right`() async throws {
            try await withAdministrator { server, redis in
                try await setUser(redis, "sw-worker", ["reset", "on", ">another", "~*", "&*", "+@all"])
                let worker = try StepwiseWorker(
                    redis: endpoint(server, "sw-worker"), workflows: [echo], logger: .silent)
                let error = await #expect(throws: StepwiseError.self) { try await worker.run() }
                #expect(error?.code == .redisDenied)
                #expect(error?.message.contains("WRONGPASS") == true && error?.message.contains("SETUSER") == false)
            }
        }

        @Test func `A worker whose server has renamed a command that it needs says which`() async throws {
            try await RedisServer.withServer(extraArguments: ["--rename-command", "UNLINK", ""]) { server in
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [echo], logger: .silent)
                let error = await #expect(throws: StepwiseError.self) { try await worker.run() }
                #expect(error?.code == .unsupportedRedis && error?.message.contains("unlink") == true)
            }
        }

        @Test func `A right that a script lacks is told as denied, and a reader who may not load is told who loads`()
            async throws
        {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let owner = try client(server, "default")
                _ = try await owner.enqueue(echo, "in", id: "r")
                let monitor = try client(server, "sw-monitor")
                // Nothing was loaded by a worker yet.
                let unloaded = await #expect(throws: StepwiseError.self) { _ = try await monitor.history(ofRun: "r") }
                #expect(unloaded?.code == .redisDenied)
                #expect(unloaded?.message.contains("a worker loads all scripts when it starts") == true)
                for script in ScriptLibrary.all {
                    _ = try await redis.send(["SCRIPT", "LOAD", .init(script.redis.source)])
                }
                let change = await #expect(throws: StepwiseError.self) { _ = try await monitor.cancel("r") }
                #expect(change?.code == .redisDenied)
                await monitor.close()
                await owner.close()
            }
        }

        // MARK: Each through its work

        @Test(.rule(6))
        func `A worker that may not ask which server it has reached works, and compares each connection that it makes`()
            async throws
        {
            try await RedisServer.withServer(extraArguments: ["--rename-command", "INFO", ""]) { server in
                let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let redis = RedisClient(
                    address: try RedisAddress(url: server.url), eventLoop: owner.eventLoop, logger: .silent)
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [echo], logger: .silent)
                try await serving([worker]) {
                    let first = try await owner.enqueue(echo, "one").result(timeout: patience)
                    #expect(first == "one")
                    let names = try await redis.send(["ZRANGE", .init(keys.workers), "0", "-1"])
                    #expect(names.array?.count == 1)
                    _ = try await redis.send(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
                    let second = try await owner.enqueue(echo, "two").result(timeout: patience)
                    #expect(second == "two")
                    #expect(try await owner.health(onThisHost: false).reason == nil)
                    let later = try await redis.send(["ZRANGE", .init(keys.workers), "0", "-1"])
                    #expect(later == names)
                }
                await redis.close()
                await owner.close()
            }
        }

        @Test func `A call that is refused for a while is sent again, and that is a warning and no error`() async throws
        {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let (log, gate) = (CollectedLog(), Latch())
                let gated = Workflow("gated") { (context, text: String) async throws -> String in
                    try await context.run("wait") {
                        await gate.wait()
                        return text
                    }
                }
                let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let worker = try StepwiseWorker(
                    redis: endpoint(server, "sw-worker"), workflows: [gated], logger: log.logger)
                try await serving([worker]) {
                    let run = try await owner.enqueue(gated, "in")
                    try await eventually("the body runs") { try await owner.openSteps(ofRun: run.id).count == 1 }
                    // Whole scripts are refused, so that none is torn.
                    try await setUser(redis, "sw-worker", ["-evalsha"])
                    gate.open()
                    let message = "redis refuses this worker, which ends if that lasts"
                    try await eventually("a call is refused") { !log.lines(message).isEmpty }
                    try await setUser(redis, "sw-worker", ["+evalsha"])
                    let output = try await run.result(timeout: patience)
                    #expect(output == "in")
                    #expect(log.lines(message).allSatisfy { $0.level <= .warning })
                }
                await owner.close()
            }
        }

        @Test(.rule(5))
        func `A death whose declaration was refused in its middle is declared again, and the claims go back`()
            async throws
        {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let run = try await owner.enqueue(echo, "in")
                _ = try await redis.send(["HSET", .init(keys.worker("ghost")), "state", "alive", "queues", "default"])
                _ = try await redis.send(["ZADD", .init(keys.workers), "1", "ghost"])
                _ = try await redis.send([
                    "LMOVE", .init(keys.queue("default")), .init(keys.claimed("ghost", "default")), "RIGHT", "LEFT",
                ])
                let user = RedisClient(
                    address: try endpoint(server, "sw-worker").address, eventLoop: owner.eventLoop, logger: .silent)
                let script = try #require(ScriptLibrary.all.first { $0.name == "declare_dead" })
                try await setUser(redis, "sw-worker", ["-zadd"])
                await #expect(throws: RedisError.self) {
                    _ = try await user.evaluate(
                        script.redis, keys: [keys.workers, keys.worker("ghost"), keys.busy("ghost")],
                        arguments: ["ghost", "1"])
                }
                let state = try await redis.send(["HGET", .init(keys.worker("ghost")), "state"])
                #expect(state.string == "alive")
                // So an earlier version left it.
                _ = try await redis.send([
                    "HSET", .init(keys.worker("ghost")), "state", "dead", "declaredDead", "1",
                ])
                await user.close()
                try await setUser(redis, "sw-worker", ["+zadd"])
                let worker = try StepwiseWorker(
                    redis: endpoint(server, "sw-worker"), workflows: [echo],
                    configuration: .init(lease: .seconds(1)), logger: .silent)
                try await serving([worker]) {
                    let output = try await run.result(timeout: patience)
                    #expect(output == "in")
                }
                await owner.close()
            }
        }

        @Test(.rule(5))
        func `A claim that cannot get into its queue, because that was forbidden, stays a claim`() async throws {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
                let claims = keys.accepting("ghost", "default")
                _ = try await redis.send(["LPUSH", .init(claims), "{}"])
                let user = RedisClient(
                    address: try endpoint(server, "sw-worker").address, eventLoop: owner.eventLoop, logger: .silent)
                let script = try #require(ScriptLibrary.all.first { $0.name == "release_pushed" })
                let scriptKeys = [
                    claims, keys.inbox("default"), keys.prefix + "redelivered", keys.prefix + "malformed",
                ]
                func release() async throws -> RedisValue {
                    try await user.evaluate(
                        script.redis, keys: scriptKeys, arguments: ["0", "", "ghost", "1", "3", "1000", "{", "10"])
                }
                try await setUser(redis, "sw-worker", ["-rpush"])
                await #expect(throws: RedisError.self) { _ = try await release() }
                let held = try await redis.send(["LLEN", .init(claims)])
                #expect(held == .integer(1))
                try await setUser(redis, "sw-worker", ["+rpush"])
                let count = try await release()
                #expect(count == .integer(1))
                await user.close()
                await owner.close()
            }
        }

        @Test func `Every script has the SHA-1 that the server gives it`() async throws {
            try await withAdministrator { _, redis in
                for script in ScriptLibrary.all {
                    // One that no server has told anything.
                    let own = RedisScript(name: script.name, source: script.redis.source)
                    let told = try await redis.send(["SCRIPT", "LOAD", .init(own.source)]).string
                    #expect(own.sha == told, "\(script.name)")
                }
            }
        }

        @Test func `With its line a producer pushes a run and an event, and can do nothing else`() async throws {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let key = try PermissionsPage.pushed("default")
                let start = #"{"workflow":"greet","payload":"in","id":"r"}"#
                #expect(try push(server, as: "sw-producer", start, to: key) == "1")
                let event = #"{"event":"answer","run":"r","payload":"Ada"}"#
                #expect(try push(server, as: "sw-producer", event, to: key) == "2")
                #expect(try await refusals(redis) == [])
                let greet = Workflow("greet") { (context, _: String) async throws -> String in
                    try await context.waitForEvent("answer", as: String.self)
                }
                let reader = try client(server, "default")
                try await serving([
                    StepwiseWorker(redis: endpoint(server, "sw-worker"), workflows: [greet], logger: .silent)
                ]) {
                    let run = reader.handle("r", as: String.self)
                    try await eventually("the pushed run is there") { (try? await run.details()) != nil }
                    let answer = try await run.result(timeout: patience)
                    #expect(answer == "Ada")
                }
                await reader.close()
                #expect(try await refusals(redis) == [])
                for other in [keys.run("r"), keys.schedules, "elsewhere"] {
                    #expect(try push(server, as: "sw-producer", "x", to: other).hasPrefix("NOPERM"))
                }
            }
        }

        @Test func `Once the page's command has closed the user default, nobody with a line becomes it`() async throws {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                #expect(try redisCLI(server, as: "sw-producer", "AUTH", "default", "x") == "OK")
                let rules = try PermissionsPage.rules(of: "default")
                #expect(!rules.isEmpty)
                try await setUser(redis, "default", rules)
                for user in PermissionsPage.users {
                    #expect(try redisCLI(server, as: user, "AUTH", "default", "x").hasPrefix("WRONGPASS"), "\(user)")
                }
                // Its owner still can.
                #expect(try redisCLI(server, as: "default", "DBSIZE") == "0")
            }
        }

        private func enqueueAndAwait(_ enqueuer: StepwiseClient, _ server: RedisServer) async throws {
            let plain = try await enqueuer.enqueue(echo, "first")
            let early = await errorCode { _ = try await plain.result(timeout: .milliseconds(50)) }
            #expect(early == .timedOut)
            let full = try await enqueuer.enqueue(
                echo, "second", id: "full", .label("tenant", "acme"), .runTimeout(.seconds(600)))
            let late = try await enqueuer.enqueue(echo, "late", .after(.milliseconds(10)))
            let again = try await enqueuer.enqueue(echo, "other", id: "full")
            let several = try await enqueuer.enqueue(echo.workflowName, each: (0..<30).map(String.init))
            let worker = try StepwiseWorker(redis: endpoint(server, "sw-worker"), workflows: [echo], logger: .silent)
            let outputs = try await serving([worker]) {
                var outputs: [String] = []
                for run in [plain, full, again, late] + several {
                    outputs.append(try await run.result(timeout: patience))
                }
                return outputs
            }
            #expect(outputs == ["first", "second", "second", "late"] + (0..<30).map(String.init))
            let status = try await plain.details().status
            #expect(status == .completed)
        }

        @Test func `With its line an enqueuer enqueues and awaits, before and after the first worker`() async throws {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let enqueuer = try client(server, "sw-enqueuer")
                try await enqueueAndAwait(enqueuer, server)
                await enqueuer.close()
                #expect(try await refusals(redis) == [])
            }
        }

        @Test func `With its line a monitor reads everything, and needs no right to load scripts`() async throws {
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let parent = Workflow("parent") { (context, text: String) async throws -> String in
                    async let child = context.invoke(echo, text, id: "child")
                    async let event = context.waitForEvent("never", as: String.self)
                    return try await child + event
                }
                let broken = Workflow("broken", .retry(.never)) { (context, _: Int) async throws -> Int in
                    try await context.run("break") { () throws -> Int in throw Hiccup() }
                }
                let daily = try Schedule("daily", .cron("0 9 29 2 *", timeZone: "Europe/Berlin"), echo, "morning")
                let owner = try client(server, "default")
                try await serving([
                    StepwiseWorker(
                        redis: endpoint(server, "sw-worker"), workflows: [echo, parent, broken], schedules: [daily],
                        logger: .silent)
                ]) {
                    let waiting = try await owner.enqueue(parent, "in", id: "waiting")
                    let failed = try await owner.enqueue(broken, 0, id: "failed")
                    _ = try await owner.enqueue("unknown" as WorkflowName<Int, Int>, 0, id: "unknown")
                    #expect(await errorCode { _ = try await failed.result(timeout: patience) } == .runFailed)
                    try await eventually("the child does not end") { try await waiting.history().count == 1 }
                    try await eventually("somebody has the workflow") {
                        try await owner.runs(status: .noWorker, limit: 9).map(\.id) == ["unknown"]
                    }
                    let monitor = try client(server, "sw-monitor")
                    #expect(try await monitor.details(ofRun: "waiting")?.status == .running)
                    #expect(try await monitor.history(ofRun: "waiting").map(\.step) == ["echo"])
                    #expect(try await monitor.openSteps(ofRun: "waiting").count == 1)
                    #expect(try await monitor.sight(ofRun: "waiting")?.recorded == 1)
                    let made = try await monitor.children(ofRun: "waiting", limit: 9).children
                    #expect(made.count == 1 && made.first?.run != nil)
                    #expect(try await monitor.mailbox(ofRun: "waiting", limit: 9, isShort: true).isEmpty)
                    #expect(try await monitor.eventWaits(ofRun: "waiting", limit: 9).map(\.event) == ["never"])
                    #expect(try await monitor.runs(limit: 9).count == 4)
                    #expect(try await monitor.workers().count == 1)
                    #expect(try await monitor.health(onThisHost: false).alive.count == 1)
                    _ = try await monitor.queueTotals()
                    #expect(try await monitor.unservedWorkItems(ofWorkflow: "unknown", queue: "default") == 1)
                    #expect(try await monitor.malformed(limit: 9).isEmpty)
                    let page = try await monitor.deadRuns()
                    #expect(page.runs.map(\.id) == ["failed"])
                    #expect(try await monitor.deadRuns(after: "failed").runs.isEmpty)
                    _ = try await monitor.prospectOfResuming("failed")
                    #expect(try await monitor.schedules.list().schedules.count == 1)
                    #expect(try await monitor.schedules.details("daily").schedule.name == "daily")
                    _ = try await monitor.paused()
                    try await expectSound(monitor, within: patience)
                    #expect(try await refusals(redis) == [])
                    #expect(await errorCode { _ = try await monitor.cancel("waiting") } == .redisDenied)
                    #expect(await errorCode { _ = try await monitor.pause(queue: "default") } == .redisDenied)
                    await monitor.close()
                    _ = try await waiting.cancel()
                }
                await owner.close()
            }
        }

        @Test
        func `With its line a worker does all of its work: takeovers, children, events, limits, schedules, retention`()
            async throws
        {
            let tokens = Tally()
            let hasBegun = Latch()
            let child = Workflow("child") { (context, number: Int) async throws -> Int in
                try await context.run("double", .retry(soon)) { step in
                    if step.attempt == 1 { throw Hiccup() }
                    return 2 * number
                }
            }
            let patient = Workflow("patient") { (context: WorkflowContext) async throws -> Void in
                hasBegun.open()
                try await context.waitForEvent("never")
            }
            let everything = Workflow("everything") { (context, round: Int) async throws -> String in
                if round == 0 { try await context.continueAsNew(1) }
                let parts = try await context.map(0..<20, "part") { $0 }
                try await context.sleep(for: .milliseconds(20))
                let two = try await context.invoke(child, 1)
                let news = try await context.waitForEvent("news", as: String.self)
                let letter = try await context.waitForEvent("letter", as: String.self)
                try await context.notify("answer", "yes", run: "asker")
                try await context.notify("broadcast", "all", keep: .seconds(600))
                let callback = try await context.callback("approved", as: String.self)
                try await context.run("ask") { _ = tokens.add(callback.token) }
                let answer = try await callback.value(timeout: .seconds(600))
                let first = try await context.race(
                    { () async throws -> String in
                        try await context.run("quick") { () async -> String in
                            await hasBegun.wait()
                            return "quick"
                        }
                    },
                    { () async throws -> String in
                        try await context.invoke(patient, id: "loser")
                        return "slow"
                    })
                var late = ""
                do { try await context.waitForEvent("never", timeout: .milliseconds(20)) } catch is EventTimeout {
                    late = "late"
                }
                do {
                    try await context.run("long", .totalTimeout(.milliseconds(50)), .retry(.never)) {
                        try await Task.sleep(for: .seconds(3600))
                    }
                } catch let failure as StepFailure { late += " \(failure.cause)" }
                return "\(parts.count) \(two) \(news) \(letter) \(answer) \(first) \(late)"
            }
            let asker = Workflow("asker") { (context, _: Int) async throws -> String in
                async let answer = context.waitForEvent("answer", as: String.self)
                async let broadcast = context.waitForEvent("broadcast", as: String.self)
                return try await answer + " " + broadcast
            }
            let limited = Workflow("limited", .runTimeout(.milliseconds(50))) {
                (context: WorkflowContext) async throws -> Void in
                try await context.waitForEvent("never")
            }
            let strict = Workflow("strict") { (context, number: Int) async throws -> Int in number }
            let workflows: [any AnyWorkflow] = [everything, asker, child, patient, limited, strict, echo]
            let often = try Schedule("often", .every(.seconds(1)), echo, "tick")
            try await withAdministrator { server, redis in
                try await setUsers(redis)
                let owner = try client(server, "default")
                let run = try await owner.enqueue(everything, 0, id: "everything")
                // A worker that is gone, with two claims: a run's first turn, and a pushed item.
                let lost = try await owner.enqueue(echo, "lost", .queue("other"))
                let item = #"{"workflow":"echo","payload":"pushed","id":"pushed"}"#
                let ghost = "gone-1-abcdef"
                _ = try await redis.send([
                    "LMOVE", .init(keys.queue("other")), .init(keys.claimed(ghost, "other")), "RIGHT", "LEFT",
                ])
                _ = try await redis.send(["LPUSH", .init(keys.accepting(ghost, "other")), .init(item)])
                _ = try await redis.send(["HSET", .init(keys.worker(ghost)), "state", "alive", "queues", "other"])
                _ = try await redis.send(["ZADD", .init(keys.workers), "1", .init(ghost)])
                func worker(
                    _ configuration: StepwiseWorker.Configuration, _ schedules: [Schedule] = []
                ) throws -> StepwiseWorker {
                    try StepwiseWorker(
                        redis: endpoint(server, "sw-worker"), workflows: workflows, schedules: schedules,
                        configuration: configuration, logger: .silent)
                }
                let configuration = StepwiseWorker.Configuration(
                    queues: ["default", "other"], concurrency: 8, lease: .seconds(1), shutdownGrace: .seconds(5))
                try await serving([worker(configuration, [often]), worker(configuration, [often])]) {
                    let asked = try await owner.enqueue(asker, 0, id: "asker")
                    _ = try await redis.send(["LPUSH", .init(keys.inbox("default")), "rubbish"])
                    let unfit = try await owner.enqueue("strict" as WorkflowName<String, Int>, "no number")
                    let unknown = try await owner.enqueue("unknown" as WorkflowName<Int, Int>, 0)
                    let timed = try await owner.enqueue(limited)
                    try await owner.notify("news", "good", keep: .seconds(600))
                    try await owner.notify("letter", "long", run: "everything", id: "one")
                    try await eventually("it does not ask") { tokens.all.count == 1 }
                    try await owner.complete(tokens.all[0], "fine")
                    #expect(try await run.result(timeout: patience) == "20 2 good long fine quick late timedOut")
                    #expect(try await asked.result(timeout: patience) == "yes all")
                    #expect(try await lost.result(timeout: patience) == "lost")
                    let pushed = owner.handle("pushed", as: String.self)
                    try await eventually("the pushed item is not taken over") {
                        try await owner.details(ofRun: "pushed")?.status == .completed
                    }
                    #expect(try await pushed.result(timeout: patience) == "pushed")
                    #expect(await errorCode { try await timed.result(timeout: patience) } != nil)
                    try await eventually("it is not parked") { try await unfit.details().status == .parked }
                    try await eventually("somebody has it") { try await unknown.details().status == .noWorker }
                    try await eventually("it is not rejected") { try await owner.malformed(limit: 9).count == 1 }
                    try await eventually("the race's loser goes on") {
                        try await owner.details(ofRun: "loser")?.status == .cancelled
                    }
                    try await eventually("it does not tick") {
                        try await owner.schedules.details("often").started > 0
                    }
                    _ = try await unfit.cancel()
                    _ = try await unknown.cancel()
                    #expect(try await owner.deadRuns().runs.map(\.id).contains(timed.id))
                    try await expectSound(owner, within: patience)
                    #expect(try await refusals(redis) == [])
                }
                var brief = configuration
                brief.completedRetention = .milliseconds(1)
                brief.failedRetention = .milliseconds(1)
                try await owner.schedules.pause("often")
                try await serving([worker(brief)]) {
                    for status in [RunStatus.completed, .cancelled, .failed] {
                        try await eventually("\(status) runs are kept") {
                            try await owner.runs(status: status, limit: 9).isEmpty
                        }
                    }
                }
                await owner.close()
                #expect(try await refusals(redis) == [])
            }
        }
    }
}
