import Foundation
import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

private let double = Workflow("double") { (context, amount: Int) async throws -> Int in
    try await context.run("times two") { amount * 2 }
}

private let refusal = "redis refuses this worker, which ends if that lasts"
private let noWrites = "redis takes no writes; they are sent again"

@Suite("What a person has to mend at Redis", .serialized)
struct PermanentErrorTests {
    private func configuration(limit: Duration = .seconds(3600)) -> StepwiseWorker.Configuration {
        StepwiseWorker.Configuration(
            namespace: "default", shutdownGrace: .seconds(5), permanentErrorLimit: limit)
    }

    private func warnings(_ log: CollectedLog, _ message: String) -> [CollectedLog.Line] {
        log.lines(message).filter { $0.level == .warning }
    }

    /// The error with which a worker ends by itself.
    private func end(
        _ redis: RedisEndpoint, _ configuration: StepwiseWorker.Configuration, _ log: CollectedLog = CollectedLog(),
        once begin: () async throws -> Void = {}
    ) async throws -> StepwiseError {
        let worker = RunningWorker(
            try StepwiseWorker(redis: redis, workflows: [double], configuration: configuration, logger: log.logger))
        // One that does not end by itself is asked to, so that the test goes on to say so.
        let asked = Task {
            try await Task.sleep(for: patience)
            worker.leave()
        }
        do { try await begin() } catch {
            worker.leave()
            throw error
        }
        let result = await worker.result
        asked.cancel()
        var thrown: StepwiseError?
        if case .failure(let error) = result { thrown = error as? StepwiseError }
        return try #require(thrown, "it did not end by itself: \(result)")
    }

    private func started(_ log: CollectedLog) async throws {
        try await eventually("the worker has not started") { !log.lines("worker started").isEmpty }
    }

    /// Calls `body` with a server that has a user `app` with the password `old`, and a client of it.
    private func withUser(_ body: (RedisServer, StepwiseClient) async throws -> Void) async throws {
        try await RedisServer.withServer { server in
            _ = try await server.command("ACL", "SETUSER", "app", "on", ">old", "~*", "&*", "+@all")
            try await withClient(server) { try await body(server, $0) }
        }
    }

    private func withClient(_ server: RedisServer, _ body: (StepwiseClient) async throws -> Void) async throws {
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: "default", logger: .silent)
        let result: Result<Void, any Error>
        do { result = .success(try await body(client)) } catch { result = .failure(error) }
        await client.close()
        try result.get()
    }

    private func url(_ server: RedisServer, _ login: String) -> String {
        server.url.replacing("unix://", with: "unix://\(login)@")
    }

    /// Gives `app` another password, and ends its connections.
    private func changePassword(_ server: RedisServer) async throws {
        _ = try await server.command("ACL", "SETUSER", "app", "resetpass", ">new")
        _ = try await server.command("CLIENT", "KILL", "USER", "app")
    }

    // MARK: At the start

    @Test func `A worker that starts ends at once for a wrong password, and for a host without an address`()
        async throws
    {
        try await withUser { server, _ in
            let log = CollectedLog()
            let password = try await end(RedisEndpoint(url(server, "app:wrong")), configuration(), log)
            #expect(password.code == .redisDenied)
            #expect(password.message.contains("check the user \"app\" and the password in the URL"), "\(password)")
            #expect(log.lines("redis cannot be reached; waiting").isEmpty)
            #expect(log.lines(refusal).isEmpty, "it does not wait whether that lasts")
        }
        let log = CollectedLog()
        // Too long for a name, so that no name server is asked.
        let name = String(repeating: "a", count: 64) + ".invalid"
        let host = try await end(RedisEndpoint("redis://\(name)"), configuration(), log)
        #expect(host.code == .redisUnavailable)
        #expect(host.message.contains("the host name \(name) has no address; check the name"), "\(host)")
        #expect(log.lines("redis cannot be reached; waiting").isEmpty)
    }

    @Test func `A worker that starts at a cluster's node without the namespace ends, and says which node has it`()
        async throws
    {
        try await RedisServer.withServer(extraArguments: try await clusterArguments()) { server in
            let error = try await end(RedisEndpoint(server.url), configuration())
            #expect(error.code == .unsupportedRedis)
            #expect(error.message.contains("Hash slot not served; this server is a node of a cluster"), "\(error)")
        }
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-nodes-\(UInt32.random(in: .min ... .max))")
        defer { try? FileManager.default.removeItem(at: file) }
        func node(_ number: Int) -> String { String(repeating: "0", count: 39) + "\(number)" }
        let nodes = """
            \(node(1)) 127.0.0.1:1@1,,tls-port=0 myself,master - 0 0 1 connected
            \(node(2)) 127.0.0.1:27002@37002,,tls-port=0 master - 0 0 2 connected 0-16383
            vars currentEpoch 2 lastVoteEpoch 0

            """
        try Data(nodes.utf8).write(to: file)
        // It waits for two seconds until it takes itself for a member; the worker waits for that.
        let arguments =
            try await clusterArguments() + [
                "--cluster-config-file", file.path, "--cluster-node-timeout", "3600000",
            ]
        try await RedisServer.withServer(extraArguments: arguments) { server in
            let error = try await end(RedisEndpoint(server.url), configuration())
            #expect(error.code == .unsupportedRedis)
            #expect(
                error.message.contains("name in the URL the node that has the namespace, 127.0.0.1:27002"), "\(error)")
        }
    }

    private func clusterArguments() async throws -> [String] {
        ["--cluster-enabled", "yes", "--cluster-port", "\(try await RedisServer.freePort())"]
    }

    // MARK: At work

    @Test func `A worker whose password was changed says so in one line, and ends with it after permanentErrorLimit`()
        async throws
    {
        try await withUser { server, _ in
            let log = CollectedLog()
            let redis = try RedisEndpoint(url(server, "app:old"))
            let error = try await end(redis, configuration(limit: .milliseconds(300)), log) {
                try await started(log)
                try await changePassword(server)
            }
            #expect(error.code == .redisDenied)
            #expect(error.message.contains("WRONGPASS") && error.message.contains("check the user"), "\(error)")
            #expect(warnings(log, refusal).count == 1)
            #expect(log.lines("worker ended").map(\.level) == [.error])
        }
    }

    @Test func `A right that was taken away ends a worker after permanentErrorLimit; given back before, it goes on`()
        async throws
    {
        try await withUser { server, client in
            let log = CollectedLog()
            let redis = try RedisEndpoint(url(server, "app:old"))
            let worker = try StepwiseWorker(
                redis: redis, workflows: [double], configuration: configuration(), logger: log.logger)
            try await serving([worker]) {
                try await started(log)
                _ = try await server.command("ACL", "SETUSER", "app", "-evalsha")
                try await eventually("it is not tried again") { log.lines(refusal).count >= 5 }
                #expect(warnings(log, refusal).count == 1)
                _ = try await server.command("ACL", "SETUSER", "app", "+evalsha")
                try await eventually("it was not accepted") {
                    !log.lines("redis accepts this worker again").isEmpty
                }
                let output = try await client.enqueue(double, 21).result(timeout: patience)
                #expect(output == 42)
            }
            let other = CollectedLog()
            let error = try await end(redis, configuration(limit: .milliseconds(300)), other) {
                try await started(other)
                _ = try await server.command("ACL", "SETUSER", "app", "-evalsha")
            }
            #expect(error.code == .redisDenied)
            #expect(
                error.message.contains("evalsha") && error.message.contains("the guide \"Permissions\""), "\(error)")
        }
    }

    @Test(arguments: ["exists", "lmove"])
    func `A right that only the looks at many queues need, or a claim behind one, is like any other`(
        command: String
    ) async throws {
        try await withUser { server, client in
            func set(_ sign: String) async throws {
                _ = try await server.command("ACL", "SETUSER", "app", .init(sign + command))
            }
            let log = CollectedLog()
            let redis = try RedisEndpoint(url(server, "app:old"))
            // The first 16 have blocking moves.
            var settings = configuration()
            settings.queues = (0..<20).map { "q\($0)" }
            let worker = try StepwiseWorker(
                redis: redis, workflows: [double], configuration: settings, logger: log.logger)
            try await serving([worker]) {
                try await started(log)
                try await set("-")
                let run = try await client.enqueue(double, 21, .queue("q19"))
                try await eventually("it is not tried again") { log.lines(refusal).count >= 3 }
                #expect(warnings(log, refusal).count == 1)
                try await set("+")
                let output = try await run.result(timeout: patience)
                #expect(output == 42)
                try await eventually("nobody says that it is over") {
                    !log.lines("redis accepts this worker again").isEmpty
                }
            }
            settings.permanentErrorLimit = .milliseconds(300)
            let other = CollectedLog()
            let error = try await end(redis, settings, other) {
                try await started(other)
                try await set("-")
                _ = try await client.enqueue(double, 21, .queue("q19"))
            }
            #expect(error.code == .redisDenied)
            #expect(error.message.contains(command), "\(error)")
        }
    }

    @Test func `A certificate that has expired since ends a worker after permanentErrorLimit`() async throws {
        try await TLSFiles.with { files in
            try files.make("server", for: "DNS:localhost")
            try files.make("expired", for: "DNS:localhost", days: -1)
            try await files.withServer("server") { server, port in
                let log = CollectedLog()
                let redis = try RedisEndpoint(
                    "rediss://localhost:\(port)", trustedCertificatesFile: files.path("authority.pem"))
                let error = try await end(redis, configuration(limit: .milliseconds(300)), log) {
                    try await started(log)
                    _ = try await server.command(
                        "CONFIG", "SET", "tls-cert-file", .init(files.path("expired.pem")), "tls-key-file",
                        .init(files.path("expired.key")))
                    _ = try await server.command("CLIENT", "KILL", "TYPE", "normal")
                }
                #expect(error.code == .redisDenied)
                #expect(error.message.contains("has expired"), "\(error)")
            }
        }
    }

    @Test func `A cluster's node that loses the namespace ends a worker after permanentErrorLimit`() async throws {
        let arguments = try await clusterArguments() + ["--cluster-require-full-coverage", "no"]
        try await RedisServer.withServer(extraArguments: arguments) { server in
            _ = try await server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
            try await eventually("the node is no cluster") {
                try await server.command("CLUSTER", "INFO").string?.contains("cluster_state:ok") == true
            }
            let log = CollectedLog()
            let error = try await end(
                RedisEndpoint(server.url), configuration(limit: .milliseconds(300)), log
            ) {
                try await started(log)
                let slot = try await server.command("CLUSTER", "KEYSLOT", "{default}").integer ?? 0
                _ = try await server.command("CLUSTER", "DELSLOTS", .init(slot))
            }
            #expect(error.code == .unsupportedRedis)
            #expect(error.message.contains("a server that is not a cluster"), "\(error)")
        }
    }

    // MARK: Passwords that change

    @Test(arguments: [true, false])
    func `Who changes a password in a file, or in what a closure returns, needs no restart`(isFile: Bool) async throws {
        try await withUser { server, client in
            let file = server.folder + "/password"
            let box = PasswordBox("old")
            try Data("old\n".utf8).write(to: URL(fileURLWithPath: file))
            let login = url(server, "app")
            let redis =
                try isFile
                ? RedisEndpoint(login, passwordFile: file) : RedisEndpoint(login, password: { box.ask() })
            let log = CollectedLog()
            let worker = try StepwiseWorker(
                redis: redis, workflows: [double], configuration: configuration(), logger: log.logger)
            try await serving([worker]) {
                let first = try await client.enqueue(double, 1).result(timeout: patience)
                #expect(first == 2)
                let asked = box.count
                try Data("new\n".utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
                box.set("new")
                try await changePassword(server)
                let second = try await client.enqueue(double, 21).result(timeout: patience)
                #expect(second == 42)
                #expect(isFile || box.count > asked)
            }
            #expect(warnings(log, refusal).isEmpty)
        }
    }

    @Test func `A password that is given twice, and a file without one, are errors at once`() throws {
        func problem(_ make: () throws -> RedisEndpoint) -> String {
            let error = #expect(throws: StepwiseError.self) { _ = try make() }
            #expect(error?.code == .invalidConfiguration)
            return error?.message ?? ""
        }
        let missing = problem { try RedisEndpoint("redis://localhost", passwordFile: "/nowhere/password") }
        #expect(missing.hasPrefix("the parameter passwordFile: /nowhere/password does not exist"), "\(missing)")
        let twice = problem { try RedisEndpoint("redis://a:b@localhost", passwordFile: "/nowhere/password") }
        #expect(twice == "the parameter passwordFile: the URL has a password as well; leave one of them out")
        let closure = problem { try RedisEndpoint("redis://a:b@localhost", password: { "c" }) }
        #expect(closure.hasPrefix("the parameter password: the URL has a password as well"), "\(closure)")
        let both = problem { try RedisEndpoint("redis://localhost", passwordFile: "/nowhere", password: { "c" }) }
        #expect(both.contains("give one of them"), "\(both)")
    }

    // MARK: What passes

    @Test(arguments: [("min-replicas-to-write", "NOREPLICAS"), ("maxmemory", "OOM")])
    func `A Redis that takes no writes is told once with the reason, and once when it takes them again`(
        setting: String, code: String
    ) async throws {
        try await RedisServer.withServer { server in
            try await withClient(server) { client in
                let log = CollectedLog()
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [double],
                    configuration: configuration(limit: .zero), logger: log.logger)
                try await serving([worker]) {
                    try await started(log)
                    _ = try await server.command("CONFIG", "SET", .init(setting), "1")
                    try await eventually("no call was refused") { log.lines(noWrites).count >= 5 }
                    let told = warnings(log, noWrites)
                    #expect(told.count == 1)
                    #expect(told.first?.metadata["cause"]?.hasPrefix(code) == true, "\(told)")
                    #expect(told.first?.metadata["cause"]?.contains(setting) == true, "\(told)")
                    _ = try await server.command("CONFIG", "SET", .init(setting), "0")
                    try await eventually("nobody says that it is over") {
                        !log.lines("redis takes writes again").isEmpty
                    }
                    let output = try await client.enqueue(double, 21).result(timeout: patience)
                    #expect(output == 42)
                }
                #expect(log.lines("redis takes writes again").count == 1)
                #expect(log.lines.filter { $0.level >= .error }.isEmpty)
            }
        }
    }

    @Test(arguments: [false, true])
    func `A worker whose Redis is a replica says so in one warning, and lives on whatever its limit is`(
        fromTheStart: Bool
    ) async throws {
        try await RedisServer.withServer { server in
            try await withClient(server) { client in
                // Of a master that nobody can reach: it keeps its data.
                func follow() async throws { _ = try await server.command("REPLICAOF", "127.0.0.1", "1") }
                let log = CollectedLog()
                let limit = Duration.seconds(1)
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [double], configuration: configuration(limit: limit),
                    logger: log.logger)
                func told() -> [CollectedLog.Line] { log.lines.filter { $0.level >= .warning } }
                if fromTheStart { try await follow() }
                try await serving([worker]) {
                    if !fromTheStart {
                        try await started(log)
                        try await follow()
                    }
                    try await eventually("nobody says what it is") { !told().isEmpty }
                    try await Task.sleep(for: limit * 2)
                    #expect(told().count == 1, "\(told())")
                    let cause = told().first?.metadata["cause"] ?? ""
                    #expect(cause.contains("replica"), "\(told())")
                    _ = try await server.command("REPLICAOF", "NO", "ONE")
                    let output = try await client.enqueue(double, 21).result(timeout: patience)
                    #expect(output == 42)
                }
                #expect(log.lines("redis answers again").allSatisfy { $0.level == .notice })
            }
        }
    }

    @Test func `A Redis that cannot save is told with the reason, and again after the interval`() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("stepwise-gone-\(UInt32.random(in: .min ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await RedisServer.withServer(extraArguments: ["--dir", folder.path]) { server in
            let log = CollectedLog()
            var settings = configuration(limit: .zero)
            settings.troubleInterval = .milliseconds(50)
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(server.url), workflows: [double], configuration: settings, logger: log.logger)
            try await serving([worker]) {
                try await started(log)
                try FileManager.default.removeItem(at: folder)
                _ = try await server.command("CONFIG", "SET", "save", "3600 1")
                _ = try await server.command("BGSAVE")
                try await eventually("it was not told again") { warnings(log, noWrites).count >= 3 }
                let cause = warnings(log, noWrites).first?.metadata["cause"] ?? ""
                #expect(cause.hasPrefix("MISCONF") && cause.contains("look at its log and its disk"), "\(cause)")
                _ = try await server.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
                try await eventually("nobody says that it is over") {
                    !log.lines("redis takes writes again").isEmpty
                }
            }
        }
    }

    @Test func `A Redis that takes no more connections is told with the reason, and once when it answers again`()
        async throws
    {
        try await RedisServer.withServer { server in
            let owner = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            let administrator = RedisClient(
                address: try RedisAddress(url: server.url), eventLoop: owner.eventLoop, logger: .silent)
            let log = CollectedLog()
            let worker = try StepwiseWorker(
                redis: RedisEndpoint(server.url), workflows: [double], configuration: configuration(limit: .zero),
                logger: log.logger)
            let result: Result<Void, any Error>
            do {
                try await serving([worker]) {
                    try await started(log)
                    _ = try await administrator.send(["CONFIG", "SET", "maxclients", "1"])
                    _ = try await administrator.send(["CLIENT", "KILL", "TYPE", "normal"])
                    func told() -> [CollectedLog.Line] {
                        log.lines("redis cannot be used; trying again").filter {
                            $0.metadata["cause"]?.contains("max number of clients") == true
                        }
                    }
                    try await eventually("nobody says why") { told().count >= 5 }
                    #expect(told().filter { $0.level == .warning }.count == 1)
                    #expect(told().first?.metadata["cause"]?.contains("raise its maxclients") == true)
                    _ = try await administrator.send(["CONFIG", "SET", "maxclients", "1000"])
                    try await eventually("nobody says that it is over") {
                        !log.lines("redis answers again").isEmpty
                    }
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await administrator.close()
            await owner.close()
            try result.get()
        }
    }

    // MARK: The clock

    @Test func `A clock of Redis that goes back is told by the log, once, and by the doctor`() async throws {
        try await RedisServer.withServer(clock: .skippable) { server in
            try await server.advance(by: .seconds(3600))
            try await withClient(server) { client in
                let log = CollectedLog()
                let worker = try StepwiseWorker(
                    redis: RedisEndpoint(server.url), workflows: [double], configuration: configuration(),
                    logger: log.logger)
                func told() -> [CollectedLog.Line] { log.lines.filter { $0.message.contains("clock went back") } }
                try await serving([worker]) {
                    _ = try await client.enqueue(double, 1).result(timeout: patience)
                    #expect(told().isEmpty)
                    let before = try await Doctor(client).examine().warnings
                    #expect(before.isEmpty, "\(before)")
                    // A worker tells it by two of its beats.
                    var beats: Set<Int> = []
                    try await eventually("it beats") {
                        if let beat = try await client.workers().first?.lastBeat { beats.insert(beat) }
                        return beats.count == 3
                    }
                    try await server.setBack(by: .seconds(1800))
                    try await eventually("the log does not say it") { !told().isEmpty }
                    // Beats go on.
                    _ = try await client.enqueue(double, 2).result(timeout: patience)
                    #expect(told().count == 1)
                    #expect(told().first?.level == .warning)
                    let after = try await Doctor(client).examine().warnings
                    #expect(after.contains { $0.contains("redis' clock went back by at least") }, "\(after)")
                }
            }
        }
    }
}

/// What a closure returns, and how often it was asked.
private final class PasswordBox: Sendable {
    private let state: Mutex<(password: String, count: Int)>

    init(_ password: String) { state = Mutex((password, 0)) }

    var count: Int { state.withLock { $0.count } }

    func set(_ password: String) { state.withLock { $0.password = password } }

    func ask() -> String {
        state.withLock { state in
            state.count += 1
            return state.password
        }
    }
}
