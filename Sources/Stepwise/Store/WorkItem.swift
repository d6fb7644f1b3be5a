/// An item on a Redis list that asks a worker to do something for a run.
///
/// `turn <run> <generation>` takes the run's function forward (the first may bring along what it begins with, see ``FirstTurn``); `step <run> <generation> <attempt> <step>` executes one step's
/// body; `ended <run> <generation> <child> <step>` tells the step that its child has ended; `cancel <child> <workflow> <run> <generation>
/// <step>` ends the child for which that step no longer waits; `broadcast <event> <time> <value>` reaches everybody who waits for the event since
/// before that time, in microseconds since 1970; `withdraw <run> <generation> <number> <event> <step>` lets the event's list forget a step;
/// `end <run> <generation>` writes the end of a run that is ending.
/// The engine alone writes them: what others push lies on a list of its own and is a ``PushedItem``. Scripts compare the text whole.
package enum WorkItem: Sendable, Hashable {
    case turn(run: String, generation: String)
    case step(run: String, generation: String, attempt: Int, step: String)
    /// A message from a child to the step that waits for it.
    case ended(run: String, generation: String, child: String, step: String)
    /// A message from a parent to its child. The workflow is `-` if the child was made for certain.
    case cancel(child: String, workflow: String, run: String, generation: String, step: String)
    /// To all who wait for an event.
    case broadcast(event: String, time: Int, value: [UInt8])
    /// A step no longer waits for an event.
    case withdraw(run: String, generation: String, number: Int, event: String, step: String)
    /// The mover of a run that is ending.
    case end(run: String, generation: String)

    /// `nil` if the text is none of them.
    package init?(_ text: String) {
        // The value of a `broadcast` may be long: it is one word.
        let parts = text.words(atMost: text.utf8.starts(with: "broadcast ".utf8) ? 4 : 5)
        switch (parts.first, parts.count) {
        case ("turn", 3) where Generation.isOne(parts[2]) && !parts[1].isEmpty,
            ("turn", 5)
        where Generation.isOne(parts[2]) && !parts[1].isEmpty && !parts[3].isEmpty
            && !parts[4].isEmpty:
            self = .turn(run: parts[1], generation: parts[2])
        case ("step", 5) where Generation.isOne(parts[2]) && !parts[1].isEmpty && !parts[4].isEmpty:
            guard let attempt = Int(parts[3]) else { return nil }
            self = .step(run: parts[1], generation: parts[2], attempt: attempt, step: parts[4])
        case ("ended", 5)
        where Generation.isOne(parts[2]) && !parts[1].isEmpty && !parts[3].isEmpty && !parts[4].isEmpty:
            self = .ended(
                run: parts[1], generation: parts[2], child: parts[3], step: parts[4])
        case ("cancel", 5):
            let rest = parts[4].words(atMost: 2)
            guard rest.count == 2, Generation.isOne(rest[0]), !rest[1].isEmpty, parts[1...3].allSatisfy({ !$0.isEmpty })
            else { return nil }
            self = .cancel(
                child: parts[1], workflow: parts[2], run: parts[3], generation: rest[0],
                step: rest[1])
        case ("broadcast", 4):
            guard let time = Int(parts[2]), !parts[1].isEmpty, !parts[3].isEmpty else { return nil }
            self = .broadcast(event: parts[1], time: time, value: Array(parts[3].utf8))
        case ("withdraw", 5):
            let rest = parts[4].words(atMost: 2)
            guard rest.count == 2, Generation.isOne(parts[2]), let number = Int(parts[3]), !parts[1].isEmpty,
                rest.allSatisfy({ !$0.isEmpty })
            else { return nil }
            self = .withdraw(
                run: parts[1], generation: parts[2], number: number, event: rest[0],
                step: rest[1])
        case ("end", 3) where Generation.isOne(parts[2]) && !parts[1].isEmpty:
            self = .end(run: parts[1], generation: parts[2])
        default:
            return nil
        }
    }

    /// The run that it is for.
    package var run: String? {
        switch self {
        case .turn(let run, _), .step(let run, _, _, _), .ended(let run, _, _, _), .cancel(let run, _, _, _, _),
            .withdraw(let run, _, _, _, _), .end(let run, _):
            run
        case .broadcast: nil
        }
    }

    /// The generation of that run; `nil` if it says none, as what is sent to a child does: it comes from its parent's queue.
    package var ownGeneration: String? {
        switch self {
        case .turn(_, let generation), .step(_, let generation, _, _), .ended(_, let generation, _, _),
            .withdraw(_, let generation, _, _, _), .end(_, let generation):
            generation
        case .cancel, .broadcast: nil
        }
    }

    package static func endedText(run: String, generation: String, child: String, step: String) -> String {
        "ended \(run) \(generation) \(child) \(step)"
    }

    package static func cancelText(child: String, workflow: String, run: String, generation: String, step: String)
        -> String
    {
        "cancel \(child) \(workflow) \(run) \(generation) \(step)"
    }

    package static func withdrawText(run: String, generation: String, number: Int, event: String, step: String)
        -> String
    {
        "withdraw \(run) \(generation) \(number) \(event) \(step)"
    }

    package static func stepText(run: String, generation: String, attempt: Int, step: String) -> String {
        "step \(run) \(generation) \(attempt) \(step)"
    }

    package static func turnText(run: String, generation: String) -> String { "turn \(run) \(generation)" }

    package static func endText(run: String, generation: String) -> String { "end \(run) \(generation)" }
}
