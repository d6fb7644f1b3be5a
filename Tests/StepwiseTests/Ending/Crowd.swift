import Stepwise
import StepwiseRedis
import StepwiseTesting
import TestSupport
import Testing

/// A run that has very much open at once until the event `go` comes, and then ends.
struct Crowd: Codable, Sendable {
    enum Kind: String, Codable, Sendable, CaseIterable { case events, sleeps, bodies, fewBodies, children }
    enum End: String, Codable, Sendable { case completes, fails, continues }

    /// What it has open.
    var kind: Kind = .events
    var count: Int
    /// What its function does once `go` has come. One that begins anew waits for it once more, and for nothing beside.
    var end: End = .completes

    /// Bodies that sleep hold their slots, and its turn needs one.
    var configuration: StepwiseWorker.Configuration { .init(concurrency: kind == .fewBodies ? count / 5 : 100) }

    static let id = "crowd"
    static let output = 7

    /// A child that nobody begins: its queue is served by nobody.
    static let idle = Workflow("idle") { (_, number: Int) async throws -> Int in number }

    static let workflow = Workflow("crowd") { (context, crowd: Crowd) async throws -> Int in
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<crowd.count { group.addTask { try await crowd.open(number, context) } }
            group.addTask { try await context.waitForEvent("go") }
            defer { group.cancelAll() }
            _ = try await group.next()
        }
        switch crowd.end {
        case .completes: return Crowd.output
        case .fails: throw Hiccup()
        case .continues: try await context.continueAsNew(Crowd(count: 0))
        }
    }

    private func open(_ number: Int, _ context: WorkflowContext) async throws {
        switch kind {
        case .events: try await context.waitForEvent("never", timeout: .hours(10), name: "wait")
        case .sleeps: try await context.sleep(for: .hours(10))
        case .fewBodies where number % 6 != 0: try await context.sleep(for: .hours(10))
        case .bodies, .fewBodies:
            try await context.run("body", .totalTimeout(.hours(10))) { try await Task.sleep(for: .seconds(3600)) }
        case .children: _ = try await context.invoke(Self.idle, number, id: "child-\(number)", .queue("nowhere"))
        }
    }
}

/// A Redis with a ``Crowd``; what it looks like there.
struct CrowdStage: Sendable {
    let server: RedisServer
    let client: StepwiseClient

    /// - Parameter clock: `.skippable` to let time limits pass.
    static func with(
        clock: RedisServer.Clock = .system, _ body: (CrowdStage) async throws -> Void
    ) async throws {
        try await RedisServer.withServer(clock: clock) { server in
            let client = try StepwiseClient(redis: RedisEndpoint(server.url), logger: .silent)
            let result: Result<Void, any Error>
            do { result = .success(try await body(CrowdStage(server: server, client: client))) } catch {
                result = .failure(error)
            }
            await client.close()
            try result.get()
        }
    }

    /// Calls `body` while a worker works that has these workflows.
    func working<Value>(
        _ workflows: [any AnyWorkflow] = [Crowd.workflow], configuration: StepwiseWorker.Configuration = .init(),
        _ body: () async throws -> Value
    ) async throws -> Value {
        let worker = try StepwiseWorker(
            redis: RedisEndpoint(server.url), workflows: workflows, configuration: configuration, logger: .silent)
        return try await serving([worker], body)
    }

    /// Starts one, and waits until everything is open.
    func begin(_ crowd: Crowd, runTimeout: Duration? = nil) async throws -> WorkflowRun<Int> {
        let run = try await client.enqueue(Crowd.workflow, crowd, id: Crowd.id, .runTimeout(runTimeout))
        try await isOpen(crowd)
        return run
    }

    /// Waits until everything is open, of children also made, and the function has come to rest.
    func isOpen(_ crowd: Crowd) async throws {
        try await eventually("everything is open", within: .seconds(120)) {
            let open = try await left
            let children = crowd.kind == .children ? try await size(ofSet: "runs:queued") : crowd.count
            return open == crowd.count + 1 && children == crowd.count
        }
        try await eventually("nobody has its turn") { try await field("turn") == "" }
    }

    /// Its end is decided, as cancelled, and nobody is there to write it.
    func beginAndDecide(
        _ crowd: Crowd, _ workflows: [any AnyWorkflow] = [Crowd.workflow]
    ) async throws -> WorkflowRun<Int> {
        let run = try await working(workflows) { () async throws -> WorkflowRun<Int> in
            let run = try await begin(crowd)
            try await run.pause()
            return run
        }
        try await decide(run)
        return run
    }

    /// Of a paused run, while nobody works.
    func decide(_ run: WorkflowRun<Int>) async throws {
        let answer = try await client.cancel(run.id, reason: "enough")
        #expect(answer == .cancelled)
        let details = try await run.details()
        #expect(details.status == .ending && details.ending == "cancelled" && details.ended == nil)
    }

    // MARK: What Redis has

    /// How many steps are still open.
    var left: Int { get async throws { try await client.openStepCount(ofRun: Crowd.id) } }

    func field(_ name: String) async throws -> String? {
        try await server.command("HGET", .init("stepwise:{default}:run:\(Crowd.id)"), .init(name)).string
    }

    func size(ofSet name: String) async throws -> Int {
        try await server.command("ZCARD", .init("stepwise:{default}:\(name)")).integer ?? 0
    }

    func items(ofQueue name: String = "default") async throws -> [String] {
        try await server.command("LRANGE", .init("stepwise:{default}:queue:\(name)"), "0", "-1")
            .array?.compactMap(\.string) ?? []
    }

    /// The keys of the run and of what it waits for.
    func keys() async throws -> [String] {
        let all = try await server.command("KEYS", "*").array?.compactMap(\.string) ?? []
        return all.filter { $0.hasSuffix(":\(Crowd.id)") || $0.contains(":event:") }.sorted()
    }

    /// At this moment nothing is left of what was open, inside the run or outside.
    func expectWithdrawn(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let counts = [
            try await left, try await size(ofSet: "mail:\(Crowd.id)"), try await size(ofSet: "event:never"),
            try await size(ofSet: "delayed"), try await size(ofSet: "runs:ending"),
        ]
        #expect(counts == [0, 0, 0, 0, 0], sourceLocation: sourceLocation)
        let ending = try await field("ending")
        #expect(ending == nil, sourceLocation: sourceLocation)
    }

    /// What lay about is dropped, the doctor finds nothing, and nothing is left of the run once it is deleted.
    func expectNothingLeft() async throws {
        try await eventually("obsolete work items are dropped") {
            let items = try await items()
            return items.isEmpty
        }
        try await expectSound(client, within: patience)
        try await client.delete(Crowd.id)
        let keys = try await keys()
        #expect(keys == [])
    }
}
