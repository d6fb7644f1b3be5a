import Foundation
import Stepwise

extension Explanation {
    /// Of `stepwise explain`, if Redis could be asked.
    var exitCode: Int32 {
        switch verdict {
        case .moving, .waiting: 0
        case .ended: cause == .completed || cause == .cancelled ? 0 : 1
        case .stuck, .unknown: 1
        }
    }

    /// Writes it for people.
    func print() {
        Output.print(line)
        if !workers.isEmpty {
            var table = Table("  WORKER", "CAN TAKE IT", "WHY")
            for worker in workers { table.add("  " + worker.name, worker.can ? "yes" : "no", worker.why) }
            Output.print(table)
        }
        Labelled.print("Since", since.map { [Self.moment($0, at)] } ?? [])
        Labelled.print("Until", until.map { [Self.moment($0, at)] } ?? [])
        // What the sentence says need not be said twice.
        for fact in facts where !fact.value.isEmpty && !sentence.contains(fact.value) {
            Labelled.print(Labelled.label(fact.name), [fact.value])
        }
        Labelled.print("Also", also.map(\.sentence))
        Labelled.print(
            "Child", children.map { "step \($0.step): run \($0.run) (\($0.verdict.rawValue)): \($0.sentence)" })
        let isOver = verdict == .ended
        Labelled.print("Next", next.isEmpty && !isOver ? ["nothing: it goes on by itself"] : nextLines)
        Labelled.print("Shown by", evidence.map(\.command))
    }

    /// What to do. Of one cause each line is another way; each further cause wants its own.
    private var nextLines: [String] {
        zip(next, [nil] + next.map { Optional($0) }).map { action, before in
            guard let before else { return action.text }
            return (action.cause == before.cause ? "or: " : "also: ") + action.text
        }
    }

    /// Complains that nothing could be read: the cause first, then what to do.
    func complain() {
        Output.complain("\(cause.rawValue): \(sentence)")
        for action in next { Output.complain("next: \(action.text)") }
    }

    /// `2026-11-26 09:14:02Z (12m 3s)`: how long ago it was, or in what time it comes.
    static func moment(_ time: Date, _ now: Date?) -> String {
        let text = Output.time(time) + "Z"
        guard let now else { return text }
        let age = now.wholeMilliseconds - time.wholeMilliseconds
        return "\(text) (\(age < 0 ? "in " : "")\(Output.length(age < 0 ? -age : age)))"
    }

    /// The members are those of the guide *Explain*.
    var document: JSONDocument {
        .object([
            ("run", .string(run)), ("workflow", JSONDocument(workflow)), ("status", JSONDocument(status?.rawValue)),
            ("verdict", .string(verdict.rawValue)), ("cause", .string(cause.rawValue)), ("sentence", .string(sentence)),
            ("since", JSONDocument(since)), ("until", JSONDocument(until)),
            ("facts", .object(facts.map { ($0.name, .string($0.value)) })),
            (
                "also",
                .array(
                    also.map {
                        .object([("cause", .string($0.cause.rawValue)), ("sentence", .string($0.sentence))])
                    })
            ),
            (
                "workers",
                .array(
                    workers.map {
                        .object([("worker", .string($0.name)), ("can", .bool($0.can)), ("why", .string($0.why))])
                    })
            ),
            ("next", .array(next.map(\.document))),
            (
                "evidence",
                .array(
                    evidence.map { .object([("command", .string($0.command)), ("shows", .string($0.shows))]) })
            ),
            ("children", .array(children.map(\.document))), ("at", JSONDocument(at)),
        ])
    }
}

extension Explanation.Action {
    /// A command that a shell takes with what it does as a comment, or what to do.
    var text: String { command.map { "\($0)  # \(effect)" } ?? effect }

    var document: JSONDocument {
        .object([
            ("command", JSONDocument(command)), ("effect", .string(effect)), ("cause", JSONDocument(cause?.rawValue)),
        ])
    }
}

extension Explanation.Child {
    var document: JSONDocument {
        .object([
            ("run", .string(run)), ("step", .string(step)), ("verdict", .string(verdict.rawValue)),
            ("cause", .string(cause.rawValue)), ("sentence", .string(sentence)),
        ])
    }
}

/// Lines with a label before the first of each kind.
enum Labelled {
    private static let width = 8

    /// - Parameter more: stands before each text but the first.
    static func print(_ label: String, _ texts: [String], more: String = "") {
        // Two spaces stand behind a label, however long it is.
        let width = max(Self.width, label.count + 2)
        for (index, text) in texts.enumerated() {
            let start = index == 0 ? label : ""
            Output.print(
                start + String(repeating: " ", count: width - start.count) + (index == 0 ? "" : more) + text)
        }
    }

    /// `lastError` becomes `Last error`.
    static func label(_ name: String) -> String {
        var words = ""
        for character in name.unicodeScalars {
            if character.properties.isUppercase { words += " " }
            words += words.isEmpty ? character.properties.uppercaseMapping : character.properties.lowercaseMapping
        }
        return words
    }
}
