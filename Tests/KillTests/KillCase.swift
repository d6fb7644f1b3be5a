import Foundation
import Logging
import Stepwise
import StepwiseRedis
import StepwiseTesting
import Synchronization
import TestSupport
import TestWorkflows

/// What strikes the first worker.
enum Fault: Sendable, Hashable, CaseIterable {
    /// SIGKILL.
    case kill
    /// SIGSTOP for longer than the lease, then SIGCONT: what it had sent or not heard goes on late.
    case freeze
    /// The connection is cut, the process lives.
    case cut
}

/// One run on one worker that a fault strikes at one request, and how it ended with another worker beside.
struct KillCase: Sendable {
    let server: RedisServer
    let workflow: String
    let held: Held?
    let fault: Fault
    let plan: RedisProxy.Plan?
    /// The run is cancelled as soon as the body of this step has begun.
    let cancelledAt: String?
    let namespace: String

    static let runID = "the-run"
    static let lease = 1000

    /// A step whose body does not end before another step's body has begun, be it on whichever worker.
    struct Held: Sendable {
        var step: String
        var until: String
    }

    struct Result: Sendable {
        var events: Int
        var hasStruck: Bool
        var output: String
        var history: [RecordedStep]
        var ledger: [[String]]
        /// What was recorded, and how long the ledger was, when the fault struck.
        var recordedAtStrike: Set<String>
        var ledgerAtStrike: Int
        var violations: [String]
    }

    init(
        server: RedisServer, workflow: String, held: Held?, fault: Fault, plan: RedisProxy.Plan?,
        cancelledAt: String? = nil
    ) {
        self.server = server
        self.workflow = workflow
        self.held = held
        self.fault = fault
        self.plan = plan
        self.cancelledAt = cancelledAt
        namespace = "k" + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    func run() async throws -> Result {
        let ledger = try Ledger(url: server.url, name: namespace, author: "test")
        defer { Task { await ledger.client.close() } }
        // Whatever is struck, the other branch goes on beside a body that does not end.
        let opening = Task {
            guard let held else { return }
            if try await comesTrue(within: .seconds(60), { try await ledger.lines().contains { $0[1] == held.until } })
            {
                try await ledger.openGate(held.step)
            }
        }
        defer { opening.cancel() }
        if let held { try await ledger.addGate(held.step) }
        let struck = AsyncStream<Void>.makeStream()
        let victim = VictimBox()
        let fault = fault
        let proxy = try RedisProxy(
            folder: server.folder, upstream: server.folder + "/redis.sock", marker: Self.runID, plan: plan
        ) {
            switch fault {
            case .kill: victim.process?.kill()
            case .freeze: victim.process?.freeze()
            case .cut: break
            }
            struck.continuation.yield()
        }
        defer { proxy.close() }
        let first = try WorkerProcess(
            redis: proxy.url, ledgerRedis: server.url, ledger: namespace, author: "first", namespace: namespace,
            lease: Self.lease,
            folder: server.folder)
        victim.process = first
        defer { first.kill() }
        let client = try StepwiseClient(redis: RedisEndpoint(server.url), namespace: namespace, logger: .silent)
        defer { Task { await client.close() } }
        let run = try await client.enqueue(WorkflowName<String, String>(workflow), "in", id: Self.runID)
        let canceller = Task {
            guard let cancelledAt else { return }
            guard
                try await comesTrue(
                    within: .seconds(60), { try await ledger.lines().contains { $0[1] == cancelledAt } })
            else { return }
            try await run.cancel()
        }
        defer { canceller.cancel() }

        var recorded: Set<String> = []
        var ledgerAtStrike = 0
        var second: WorkerProcess?
        defer { second?.kill() }
        func startSecond() throws {
            second = try WorkerProcess(
                redis: server.url, ledgerRedis: server.url, ledger: namespace, author: "second", namespace: namespace,
                lease: Self.lease, folder: server.folder)
        }
        if plan != nil {
            let ended = Task {
                _ = try? await run.result(timeout: .seconds(60)); struck.continuation.yield()
            }
            for await _ in struck.stream { break }
            ended.cancel()
            if proxy.hasStruck {
                recorded = Set(try await run.history().map(\.step))
                ledgerAtStrike = try await ledger.lines().count
                if fault != .cut { try startSecond() }
            }
        }
        let output: String
        do { output = try await run.result(timeout: .seconds(60)) } catch let error as StepwiseError
            where error.code == .runCancelled
        { output = "cancelled" }
        let history = try await run.history()
        var violations: [String] = []
        var live: [String] = []
        let haveEnded = try await comesTrue(within: .seconds(60)) {
            // A child may be struck after the end of its parent.
            if proxy.hasStruck, fault != .cut, second == nil { try startSecond() }
            live = []
            for status in RunStatus.all where !status.isEnded {
                live += try await client.runs(status: status, limit: 10).map(\.id)
            }
            return live.isEmpty
        }
        if !haveEnded { violations.append("children live on: \(live)") }
        if fault == .freeze, proxy.hasStruck {
            // The announcement of the run's end is a request as well: it can be struck when the run was seen to have ended.
            if second == nil { try startSecond() }
            violations += try await thaw(first, proxy, client: ledger.client)
        }
        violations += try await Doctor(client).examine().violations.map(\.line)
        if plan == nil || fault == .cut { await first.terminate() } else { first.kill() }
        await second?.terminate()
        return Result(
            events: proxy.events, hasStruck: proxy.hasStruck, output: output, history: history,
            ledger: try await ledger.lines(),
            recordedAtStrike: recorded, ledgerAtStrike: ledgerAtStrike, violations: violations)
    }

    /// Lets the frozen worker go on and waits until it has noticed what became of it: nothing of the run may change.
    private func thaw(_ first: WorkerProcess, _ proxy: RedisProxy, client: RedisClient) async throws -> [String] {
        let keys = try Keys(namespace: namespace)
        func names() async throws -> [String] {
            let all =
                try await client.send(["ZRANGE", .init(keys.workers), "0", "-1"]).array?.compactMap(\.string) ?? []
            return all.filter { $0.contains("-\(first.id)-") }
        }
        let isDead = try await comesTrue(within: .seconds(60)) {
            guard let name = try await names().first else { return false }
            let state = try await client.send(["HGET", .init(keys.worker(name)), "state"])
            return state.string == "dead"
        }
        if !isDead {
            let workers = try await client.send(["ZRANGE", .init(keys.workers), "0", "-1", "WITHSCORES"])
            return ["the frozen worker was not declared dead; the workers are \(workers)"]
        }
        let before = try await picture(client, keys)
        first.thaw()
        proxy.release()
        let isBack = try await comesTrue(within: .seconds(60)) { try await names().count == 2 }
        if !isBack { return ["the woken worker did not take a new name; its log: \(first.logText)"] }
        let after = try await picture(client, keys)
        return before == after ? [] : ["the woken worker changed the run: \(before) became \(after)"]
    }

    private func picture(_ client: RedisClient, _ keys: Keys) async throws -> [[String: String]] {
        var picture: [[String: String]] = []
        for key in [keys.run(Self.runID), keys.steps(Self.runID), keys.open(Self.runID)] {
            let items = try await client.send(["HGETALL", .init(key)]).array?.map { $0.string ?? "" } ?? []
            var hash: [String: String] = [:]
            for at in stride(from: 0, to: items.count - 1, by: 2) { hash[items[at]] = items[at + 1] }
            picture.append(hash)
        }
        return picture
    }
}

/// The process that a strike hits; known only after the proxy.
final class VictimBox: Sendable {

    private let stored = Mutex<WorkerProcess?>(nil)

    var process: WorkerProcess? {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
