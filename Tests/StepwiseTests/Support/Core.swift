import Stepwise
import TestSupport

/// A function on the pure core: no Redis, no worker; the test delivers the outcomes.
struct Core {
    let instance = RunInstance()
    private let workflow: any AnyWorkflow

    /// Starts the function and lets it run to rest.
    init(_ body: @escaping @Sendable (WorkflowContext) async throws -> String) {
        self.init(Workflow<Void, String>("core", body: body))
    }

    /// - Parameters:
    ///   - marks: the run's patches, as the store has them.
    ///   - delivered: up to which outcome the run was taken.
    ///   - opened: how many calls the store has opened.
    ///   - continued: how often the run has begun anew.
    init(
        _ workflow: any AnyWorkflow, marks: [String: Int] = [:], delivered: Int = -1, opened: Int = 0,
        continued: Int = 0
    ) {
        self.workflow = workflow
        _ = instance.learn(marks: marks, delivered: delivered, opened: opened)
        let context = WorkflowContext(
            workflow: workflow.name, runID: "core", payload: JSON.null, options: workflow.function.options,
            logger: .silent,
            instance: instance, created: 1_700_000_000_000, continued: continued)
        instance.start(context, function: workflow.function.body)
    }

    func deliver(_ step: String, _ json: String, kind: String? = nil) {
        instance.deliver(Outcome(step: step, result: .value(Array(json.utf8)), kind: kind))
    }

    func fail(_ step: String) {
        instance.deliver(
            Outcome(
                step: step, result: .error(StepFailure(step: step, attempts: 1, type: "Hiccup", message: "a hiccup"))))
    }

    /// Every call that has no outcome yet, in call order; `-` stands before the abandoned ones.
    var pending: [String] {
        instance.plan(opened: 0, limit: 1_000_000).openings.filter { !$0.step.isEmpty }.map {
            ($0.withdrawn ? "-" : "") + $0.step
        }
    }

    /// The function's output or error; `nil` while it has none.
    var end: String? {
        switch instance.progress {
        case .finished(.success(let json)): try? JSON.decode(String.self, from: json, what: "the output")
        case .finished(.failure(let error)): "\(error)"
        case .waiting, .escaped, .stuck, .continued: nil
        }
    }

    var standing: String {
        switch instance.progress {
        case .finished: "finished"
        case .continued(let input): "continued with \(String(decoding: input, as: UTF8.self))"
        case .waiting: "waiting"
        case .escaped: "escaped"
        case .stuck(let obstacle): "\(obstacle)"
        }
    }
}
