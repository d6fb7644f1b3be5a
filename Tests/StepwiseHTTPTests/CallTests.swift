import Stepwise
import StepwiseHTTP
import StepwiseTesting
import Synchronization
import TestSupport
import Testing

private struct Charge: Codable, Equatable {
    var id: String
}

/// What real runs do with calls: a redis-server, a worker, and a server that counts.
@Suite("HTTP: calls of workflows", .serialized)
struct CallTests {
    private static let caller = HTTPStepClient(policy: local)
    private static let soon = Retry(attempts: 3, initialDelay: .milliseconds(1))

    @Test
    func `A call is made once, its answer is recorded as a call's, and a replay returns what was recorded`()
        async throws
    {
        try await TestServer.with { _ in
            .answer(201, headers: ["X-Kind: new"], text: #"{"id":"ch_1"}"#)
        } _: {
            server in
            let url = server.url
            let workflow = Workflow("charge") { (context: WorkflowContext, amount: Int) async throws -> [String] in
                let answer = try await context.call(
                    "charge", .post(url + "/charges", json: ["amount": amount], .idempotencyKey), using: Self.caller,
                    .retry(.never))
                let charge = try answer.decode(as: Charge.self)
                return [charge.id, "\(answer.status)", answer.headers["x-kind"] ?? "", answer.text]
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, 30, id: "order-1")
                #expect(try await run.result(timeout: patience) == ["ch_1", "201", "new", #"{"id":"ch_1"}"#])
                let history = try await run.history()
                #expect(history.map(\.kind) == ["call"])
                // Replayed without a server, and without a second request.
                let recorded = RecordedHistory(run: try await run.details(), steps: history)
                try await ReplayCheck(workflow).check(recorded)
            }
            #expect(server.requests.count == 1)
            let key = server.requests.last?.header("idempotency-key") ?? ""
            #expect(key.hasPrefix("order-1/") && key.hasSuffix("/charge"))
        }
    }

    @Test
    func `A status that may pass is tried again with the same key, as the step's Retry says; the next answer counts`()
        async throws
    {
        let count = Mutex(0)
        try await TestServer.with { _ in
            let number = count.withLock { count in
                count += 1
                return count
            }
            return number < 3 ? .answer(503, headers: ["Retry-After: 0"]) : .answer(200, text: "done")
        } _: { server in
            let url = server.url
            // Without Retry-After it would wait for an hour.
            let patient = Retry.fixed(.seconds(3600), attempts: 3)
            let workflow = Workflow("retried") { (context: WorkflowContext) async throws -> String in
                try await context.call("get", .get(url, .idempotencyKey), using: Self.caller, .retry(patient)).text
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                #expect(try await run.result(timeout: patience) == "done")
                let step = try #require(try await run.history().first)
                #expect(step.attempts == 3)
                #expect(step.kind == "call")
            }
            #expect(server.requests.count == 3)
            #expect(Set(server.requests.map { $0.header("idempotency-key") }).count == 1)
        }
    }

    @Test
    func `A status that is final is tried once, and the function gets status, headers and body of it`() async throws {
        try await TestServer.with { _ in
            .answer(402, headers: ["X-Decline: funds"], text: #"{"code":"declined"}"#)
        } _: { server in
            let url = server.url
            let workflow = Workflow("declined") { (context: WorkflowContext) async throws -> HTTPCallError? in
                do {
                    try await context.call("charge", .post(url + "/charges?key=secret"), using: Self.caller)
                    return nil
                } catch let failure as StepFailure {
                    return failure.error(as: HTTPCallError.self)
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                let error = try #require(try await run.result(timeout: patience))
                #expect(error.code == .status)
                #expect(error.status == 402)
                #expect(error.headers["x-decline"] == "funds")
                #expect(error.body == #"{"code":"declined"}"#)
                let step = try #require(try await run.history().first)
                #expect(!"\(step)".contains("secret"))
                #expect(step.kind == "call")
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test
    func
        `An answer that does not decode parks the run, and code with a fitting type goes on from it without a second request`()
        async throws
    {
        try await TestServer.with { _ in
            .answer(200, text: #"{"identifier":"ch_1"}"#)
        } _: { server in
            let url = server.url
            let isFixed = Mutex(false)
            let workflow = Workflow("decode") { (context: WorkflowContext) async throws -> String in
                let answer = try await context.call("charge", .post(url), using: Self.caller)
                if isFixed.withLock({ $0 }) { return try answer.decode(as: [String: String].self)["identifier"] ?? "" }
                return try answer.decode(as: Charge.self).id
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                try await eventually("the run is parked") { try await run.details().status == .parked }
                let reason = try await run.details().reason ?? ""
                #expect(reason.contains("HTTP answer"), "\(reason)")
                isFixed.withLock { $0 = true }
                try await client.resume(run.id)
                #expect(try await run.result(timeout: patience) == "ch_1")
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test func `A run that is cancelled gives up its request`() async throws {
        try await TestServer.with { _ in
            .stall([])
        } _: { server in
            let url = server.url
            let workflow = Workflow("cancelled") { (context: WorkflowContext) async throws -> String in
                try await context.call("wait", .get(url), using: Self.caller).text
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                try await eventually("the request is there") { server.requests.count == 1 }
                try await run.cancel(reason: "enough")
                try await eventually("the connection is closed") { server.ended == 1 }
                try await eventually("the run has ended") { try await run.details().status == .cancelled }
            }
            #expect(server.requests.count == 1)
        }
    }

    @Test
    func `An answer larger than the worker's maximumSize fails its step once, whatever the call allows`() async throws {
        try await TestServer.with { _ in
            .answer(200, text: String(repeating: "x", count: 1_100_000))
        } _: { server in
            let url = server.url
            let workflow = Workflow("large") { (context: WorkflowContext) async throws -> [String] in
                var ends: [String] = []
                for option in [HTTPCallOption.maximumSize(2_000_000), .maximumSize(1_000_000)] {
                    do { try await context.call("get", .get(url, option), using: Self.caller) } catch let failure
                        as StepFailure
                    {
                        ends.append(failure.error(as: HTTPCallError.self)?.code.rawValue ?? failure.cause.rawValue)
                    }
                }
                return ends
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                #expect(try await run.result(timeout: patience) == ["tooLarge", "tooLarge"])
                #expect(try await run.history().map(\.attempts) == [1, 1])
            }
            #expect(server.requests.count == 2)
        }
    }

    @Test func `A step that was a call is no other step: code that has made a body of it is parked`() async throws {
        try await TestServer.with { _ in
            .answer(200, text: "x")
        } _: { server in
            let url = server.url
            let isCall = Mutex(true)
            let workflow = Workflow("kinds") { (context: WorkflowContext) async throws -> String in
                if isCall.withLock({ $0 }) {
                    return try await context.call("get", .get(url), using: Self.caller).text
                }
                return try await context.run("get") { "x" }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow)
                _ = try await run.result(timeout: patience)
                let recorded = RecordedHistory(run: try await run.details(), steps: try await run.history())
                try await ReplayCheck(workflow).check(recorded)
                isCall.withLock { $0 = false }
                let failure = await #expect(throws: ReplayFailure.self) {
                    try await ReplayCheck(workflow).check(recorded)
                }
                #expect(failure?.divergence?.expected?.kind == "call")
            }
        }
    }

    @Test func `A body sends requests of its own, and each element of a group is tried as its step`() async throws {
        try await TestServer.with {
            .answer(200, text: $0.path)
        } _: { server in
            let url = server.url
            let workflow = Workflow("tags") { (context: WorkflowContext, names: [String]) async throws -> [String] in
                try await context.map(names, "tag") { name, step in
                    try await Self.caller.send(.get("\(url)/\(name)"), as: step).text
                }
            }
            try await withWorker([workflow]) { client, _ in
                let run = try await client.enqueue(workflow, ["a", "b", "c"])
                #expect(try await run.result(timeout: patience) == ["/a", "/b", "/c"])
            }
        }
    }
}
