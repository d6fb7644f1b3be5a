import Stepwise
import Testing

@Suite("Replay: any order of delivery")
struct RandomOrderTests {
    @Test(arguments: 0..<8)
    func `2,000 random orders, each replayed from nothing after every outcome, make the same calls`(_ block: Int) {
        for seed in (block * 250)..<(block * 250 + 250) {
            var random = SeededNumbers(seed: UInt64(seed) &* 0x5851_F42D_4C95_7F2D)
            let program = Program.random(depth: 4, using: &random)
            let body: @Sendable (WorkflowContext) async throws -> String = { context in try await program.run(context) }
            let live = Core(body)
            var history: [Outcome] = []
            let cancelAt = Int.random(in: 0..<24, using: &random)
            while live.end == nil {
                let waiting = live.pending.filter { !$0.hasPrefix("-") }
                guard !waiting.isEmpty else {
                    Issue.record("seed \(seed): \(live.standing) with nothing to wait for")
                    return
                }
                // What was called and abandoned may have been recorded before it was closed.
                let late = live.pending.filter { $0.hasPrefix("-") }.map { String($0.dropFirst()) }
                let step =
                    Int.random(in: 0..<4, using: &random) == 0
                    ? (late + waiting).randomElement(using: &random) : waiting.randomElement(using: &random)
                let name = step ?? waiting[0]
                let result: Outcome.Result =
                    Int.random(in: 0..<8, using: &random) == 0
                    ? .error(StepFailure(step: name, attempts: 1, type: "Hiccup", message: "a hiccup"))
                    : .value(Array("\(Int.random(in: 0..<1000, using: &random))".utf8))
                let isCancel = history.count == cancelAt
                history.append(
                    isCancel ? Outcome(step: "", result: .cancel("enough")) : Outcome(step: name, result: result))
                live.instance.deliver(history[history.count - 1])

                let again = Core(body)
                for outcome in history { again.instance.deliver(outcome) }
                #expect(again.pending == live.pending, "seed \(seed) after \(history.map(\.step))")
                #expect(again.instance.callCount == live.instance.callCount, "seed \(seed)")
                #expect(again.end == live.end, "seed \(seed)")
                #expect(again.standing == live.standing, "seed \(seed)")
                #expect(again.instance.evict())
            }
            #expect(live.instance.executor.foreignJobs == 0)
        }
    }
}
