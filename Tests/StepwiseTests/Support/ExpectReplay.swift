import Stepwise
import TestSupport
import Testing

/// Replays a history, outcome by outcome, as a worker does that has never seen the run. No body runs.
func replay(_ workflow: any AnyWorkflow, _ details: RunDetails, _ history: some Sequence<RecordedStep>) -> RunInstance {
    let instance = RunInstance()
    let context = WorkflowContext(
        workflow: workflow.name, runID: details.id, payload: Array(details.payload.utf8),
        options: workflow.function.options,
        logger: .silent, instance: instance, created: details.created?.wholeMilliseconds ?? 0,
        continued: details.continued)
    _ = instance.learn(marks: details.patches, delivered: .max, opened: 0)
    instance.start(context, silent: true, function: workflow.function.body)
    for step in history { instance.deliver(step.outcome, silent: true) }
    return instance
}

/// Expects that an ended run's history leads to its end, and each beginning of the history to a function that waits.
func expectReplay(
    of details: RunDetails, _ history: [RecordedStep], by workflow: any AnyWorkflow,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    // Every beginning of a long history would take quadratic time.
    let lengths = history.count <= 60 ? Array(0..<history.count) : [0, history.count / 2, history.count - 1]
    for length in lengths {
        let instance = replay(workflow, details, history.prefix(length))
        switch instance.progress {
        case .waiting: break
        case .finished where history[length...].allSatisfy({ !instance.isWaiting(for: $0.step) }):
            break  // What is left are losers that were recorded before the run's end was.
        default:
            Issue.record("after \(length) outcomes the replay is \(instance.progress)", sourceLocation: sourceLocation)
        }
        #expect(
            instance.call(history[length].step) != nil || history[length].cancel != nil,
            "the replay has not called \(history[length].step)",
            sourceLocation: sourceLocation)
        #expect(instance.evict(), sourceLocation: sourceLocation)
    }
    switch (replay(workflow, details, history).progress, details.status) {
    case (.finished(.success(let json)), .completed):
        #expect(String(decoding: json, as: UTF8.self) == details.output, sourceLocation: sourceLocation)
    case (.finished(.failure(let error)), .failed):
        let message = JSONMembers(Array((details.error ?? "").utf8))?.string("message")
        #expect(ErrorWords(error).message == message, sourceLocation: sourceLocation)
    case (.finished(.failure), .cancelled):
        break
    case (.waiting, .cancelled) where !history.contains(where: { $0.cancel != nil }):
        break  // Nobody told the function.
    case (let progress, let status):
        Issue.record("the run is \(status), its replay \(progress)", sourceLocation: sourceLocation)
    }
}
