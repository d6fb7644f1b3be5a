import Foundation
import Stepwise

/// One line of `stepwise tail`.
struct TailLine {
    var run: String
    var news: RunFollower.News
    /// Of a run's end.
    var details: RunDetails?
    /// When it came to the state that it tells.
    var since: Date?

    /// The line for people.
    var text: String {
        switch news {
        case .state(let sight): "\(Output.time(since))  run \(run) (\(sight.workflow)) \(state(sight))"
        case .step(let step): "\(Output.time(step.at))  \(words(step))"
        case .continued(let count):
            "run \(run) has begun anew, \(count == 1 ? "once" : "\(count) times") in all: its outcomes are numbered from 1 again"
        case .rewound:
            "run \(run) has forgotten outcomes: it was resumed, or redis came back without its last writes"
        case .cause(let cause): "why: \(cause.sentence)"
        }
    }

    private func state(_ sight: RunSight) -> String {
        switch sight.status {
        case .completed: return "completed: \(Output.short(details?.output ?? ""))"
        case .failed: return "failed: \(Output.short(details?.error ?? ""))"
        case .cancelled: return "is cancelled" + (sight.cancelled.map { ": \(Output.short($0, 500))" } ?? "")
        default: break
        }
        var words = "is \(sight.status)"
        if let ending = sight.ending { words += ", as \(ending)" }
        if let reason = sight.reason { words += ": \(Output.short(reason, 500))" }
        if let cancelled = sight.cancelled { words += "; its end was asked for: \(Output.short(cancelled, 500))" }
        return words
    }

    private func words(_ step: RecordedStep) -> String {
        let key = step.key.map { " [\(Output.short($0))]" } ?? ""
        let value = step.shownValue == RecordedStep.hiddenToken ? "a callback's token" : step.shownValue
        let outcome =
            step.error.map { "\($0.type): \($0.message)" } ?? value ?? step.cancel.map { "cancelled: \($0)" } ?? ""
        var facts: [String] = []
        if step.attempts > 1 { facts.append("\(step.attempts) attempts") }
        if step.lost > 0 { facts.append(step.lost == 1 ? "1 worker lost" : "\(step.lost) workers lost") }
        if step.took != nil { facts.append(Output.length(step.took)) }
        if !step.worker.isEmpty { facts.append(step.worker) }
        let more = facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))"
        return "\(step.number) \(step.step)\(key): \(Output.short(outcome))\(more)"
    }

    /// The line for programs: an object that names its `type`.
    var json: JSONDocument {
        var members: [(String, JSONDocument)]
        switch news {
        case .state(let sight):
            members = [
                ("type", .string("state")), ("workflow", .string(sight.workflow)),
                ("status", .string(sight.status.rawValue)), ("since", JSONDocument(since)),
                ("reason", JSONDocument(sight.reason)), ("ending", JSONDocument(sight.ending)),
                ("cancelled", JSONDocument(sight.cancelled)), ("recorded", .number(sight.recorded)),
                ("continued", .number(sight.continued)), ("output", JSONDocument(stored: details?.output)),
                ("error", JSONDocument(stored: details?.error)),
            ]
        case .step(let step):
            members = [
                ("type", .string("step")),
                ("outcome", HistoryCommand.json(step, value: step.maskedValue(ofRun: run))),
            ]
        case .continued(let count): members = [("type", .string("continued")), ("continued", .number(count))]
        case .rewound: members = [("type", .string("rewound"))]
        case .cause(let cause):
            members = [
                ("type", .string("cause")), ("cause", .string(cause.name)), ("sentence", .string(cause.sentence)),
            ]
        }
        members.insert(("run", .string(run)), at: 1)
        return .object(members)
    }
}
