import Logging
import Stepwise

/// A function that is replayed from its history, without Redis.
enum RunReplay {
    /// - Returns: microseconds for each outcome, values not decoded.
    static func microseconds(_ count: Int) async throws -> Double {
        let workflow = Workflow("replay") { (context: WorkflowContext) async throws in
            for _ in 0..<count { try await context.run("step") {} }
        }
        let outcomes = (0..<count).map { number in
            Outcome(step: number == 0 ? "step" : "step#\(number + 1)", result: .value(Array("null".utf8)))
        }
        var times: [Double] = []
        for _ in 0..<5 {
            let instance = RunInstance()
            let context = WorkflowContext(
                workflow: "replay", runID: "replay", payload: Array("null".utf8), options: workflow.function.options,
                logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }, instance: instance)
            let start = ContinuousClock.now
            instance.start(context, silent: true, function: workflow.function.body)
            for outcome in outcomes { instance.deliver(outcome, silent: true) }
            times.append((ContinuousClock.now - start).seconds * 1e6 / Double(count))
            guard instance.hasReturned else { throw BenchFailure("the replay has not come to its end") }
        }
        return times.sorted()[2]
    }
}
