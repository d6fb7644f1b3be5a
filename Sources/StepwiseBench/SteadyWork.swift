import Stepwise

/// Runs of every kind that leave something behind in their worker when they end: closures that capture their context, in steps that are
/// withdrawn while they run or before they begin, that fail, and that are undone; and a result of
/// 64 KiB, in a function whose run is ended while it is paused.
enum SteadyWork {
    enum Kind: Int, CaseIterable, Codable, Sendable {
        case race, any, timeout, settle, map, saga, failed, retried, renewed, again, child, event, cancelled, left
    }

    struct Refusal: Error {}

    static let name: WorkflowName<Kind, Int> = "steady"
    static let workflows: [any AnyWorkflow] = [steady, leaf]

    private static let leaf = Workflow("leaf") { (context, number: Int) async throws -> Int in
        try await context.run("grow") { number + context.runID.utf8.count }
    }

    private static let steady = Workflow(name) { (context, kind: Kind) async throws -> Int in
        let quick: @Sendable () async throws -> Int = { context.runID.utf8.count }
        let slow: @Sendable () async throws -> Int = {
            try await Task.sleep(for: .milliseconds(50))
            return context.runID.utf8.count
        }
        switch kind {
        case .race:
            try await context.race(
                { try await context.run("quick", body: quick) }, { try await context.run("slow", body: slow) })
        case .any: try await context.any(1...5, "part") { try await $0 == 3 ? quick() : slow() }
        case .timeout:
            do {
                try await context.withTimeout(.milliseconds(5)) {
                    try await context.run("endless") {
                        try await Task.sleep(for: .seconds(30))
                        return context.runID
                    }
                }
            } catch is WorkflowTimeout {}
        case .settle:
            try await context.settle(1...4, "part", until: .atLeast(2)) { try await $0 < 3 ? quick() : slow() }
        case .map: try await context.map(1...4, "part") { _ in try await quick() }
        case .saga:
            do {
                try await context.saga { saga in
                    try await saga.run("reserve", body: quick, undo: { _ in _ = try await quick() })
                    throw Refusal()
                }
            } catch is Refusal {}
        case .failed:
            async let _ = context.run("slow", body: slow)
            try await context.run("refused", .retry(.never)) {
                _ = try await quick()
                throw Refusal()
            }
        case .retried:
            try await context.run("flaky", .retry(.fixed(.milliseconds(10)).when { $0 is Refusal })) { step in
                _ = try await quick()
                if step.attempt == 1 { throw Refusal() }
            }
        case .renewed:
            async let _ = context.run("slow", body: slow)
            try await context.run("quick", body: quick)
            try await context.continueAsNew(Kind.again)
        case .again: break
        case .child: try await context.invoke(leaf, 1)
        case .event:
            try await context.race(
                { try await context.run("slow", body: slow) }, { try await context.waitForEvent("never", as: Int.self) }
            )
        case .cancelled:
            async let _ = context.run("slow", body: slow)
            try await context.waitForEvent("never")
        case .left:
            let text = try await context.run("load") { String(repeating: "x", count: 65_536) }
            try await context.waitForEvent("never")
            try await context.run("count") { text.utf8.count }
        }
        return try await context.run("last", body: quick)
    }
}
