#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// Why a run moves, waits, is stuck or has ended, and what can be done about it.
///
/// The guide *Explain* has a row for each cause: its sentence, and what to do. Texts are printable, on one line and bounded, without secrets. Times are by
/// Redis' clock. As JSON a time is a whole number of milliseconds since 1970, and ``facts`` is an object.
public struct Explanation: Sendable, Hashable, Codable {
    /// The id that was asked about.
    public var run: String
    /// Its workflow; `nil` if there is no such run.
    public var workflow: String?
    /// Its status; `nil` if there is no such run.
    public var status: RunStatus?
    public var verdict: Verdict
    /// The worst cause that was found.
    public var cause: Cause
    /// What that cause means here, as one or two whole sentences.
    public var sentence: String
    /// Since when it is so, as far as that is stored.
    public var since: Date?
    /// When it is over, if that is known.
    public var until: Date?
    /// What ``sentence`` was made of, and what else is known, in the order in which to show it.
    public var facts: [Fact]
    /// What else is so, the worst first.
    public var also: [Finding]
    /// The workers that were looked at, if it matters what they can do: those that can take it first. ``sentence`` has their sums.
    public var workers: [Worker]
    /// What to do, the best first. That there is nothing to do is said, too.
    public var next: [Action]
    /// What shows the facts in Redis.
    public var evidence: [Evidence]
    /// The runs that it waits for, at most 20 of them.
    public var children: [Child]
    /// When it was looked at.
    public var at: Date?

    private enum CodingKeys: String, MillisecondKeys {
        case run, workflow, status, verdict, cause, sentence, since, until, facts, also, workers, next, evidence
        case children, at
    }

    /// What becomes of the run if nobody does anything.
    public enum Verdict: String, Sendable, Hashable, Codable, CaseIterable {
        /// Work on it is done, or about to be.
        case moving
        /// It goes on by itself, or when what it waits for comes: a time, an event, a child's end.
        case waiting
        /// Nothing takes it towards its result until somebody does something. A time limit may still end it.
        case stuck
        /// It has ended.
        case ended
        /// What was looked at does not tell.
        case unknown
    }

    /// What a sentence was made of.
    public struct Fact: Sendable, Hashable, Codable {
        public var name: String
        public var value: String

        public init(name: String, value: String) { (self.name, self.value) = (name, value) }
    }

    /// A further cause.
    public struct Finding: Sendable, Hashable, Codable {
        public var cause: Cause
        public var sentence: String

        public init(cause: Cause, sentence: String) { (self.cause, self.sentence) = (cause, sentence) }
    }

    /// A worker, and whether it can take what waits.
    public struct Worker: Sendable, Hashable, Codable {
        public var name: String
        public var can: Bool
        /// What keeps it from that; of one that can, how much room it has, as far as that is stored.
        public var why: String

        private enum CodingKeys: String, CodingKey {
            case name = "worker"
            case can, why
        }

        public init(name: String, can: Bool, why: String) { (self.name, self.can, self.why) = (name, can, why) }
    }

    /// Something to do.
    public struct Action: Sendable, Hashable, Codable {
        /// A line for a shell; `nil` if no command does it, such as the start of a worker.
        public var command: String?
        /// What it does, or what to do.
        public var effect: String
        /// What it is for, if there is more than one cause: what helps with one may not help with another.
        public var cause: Cause?

        public init(command: String?, effect: String, cause: Cause? = nil) {
            (self.command, self.effect, self.cause) = (command, effect, cause)
        }
    }

    /// A command that shows a fact, and changes nothing.
    public struct Evidence: Sendable, Hashable, Codable {
        /// A line for a shell.
        public var command: String
        public var shows: String

        public init(command: String, shows: String) { (self.command, self.shows) = (command, shows) }
    }

    /// A run that it waits for, and how that one stands.
    public struct Child: Sendable, Hashable, Codable {
        public var run: String
        /// The step that waits for it.
        public var step: String
        public var verdict: Verdict
        public var cause: Cause
        public var sentence: String

        public init(run: String, step: String, verdict: Verdict, cause: Cause, sentence: String) {
            (self.run, self.step, self.verdict, self.cause) = (run, step, verdict, cause)
            self.sentence = sentence
        }
    }
}

extension Explanation {
    /// One line: the run, its verdict, and the sentence.
    public var line: String {
        guard let workflow else { return sentence }
        // Every sentence about a run begins with a word of ours.
        let rest = sentence.prefix(1).lowercased() + sentence.dropFirst()
        return "run \(Facts.name(run)) (\(Facts.name(workflow))) \(verdict.words): \(rest)"
    }

    /// The value of a fact.
    public func fact(_ name: String) -> String? { facts.first { $0.name == name }?.value }
}

extension Explanation.Verdict {
    /// As the predicate of a sentence.
    var words: String {
        switch self {
        case .moving: "moves"
        case .waiting: "waits"
        case .stuck: "is stuck"
        case .ended: "has ended"
        case .unknown: "may be stuck"
        }
    }
}

/// Facts are an object, not an array of objects.
extension KeyedEncodingContainer where Key: MillisecondKeys {
    mutating func encode(_ facts: [Explanation.Fact], forKey key: Key) throws {
        var container = nestedContainer(keyedBy: FactName.self, forKey: key)
        for fact in facts { try container.encode(fact.value, forKey: FactName(stringValue: fact.name)) }
    }
}

extension KeyedDecodingContainer where Key: MillisecondKeys {
    func decode(_: [Explanation.Fact].Type, forKey key: Key) throws -> [Explanation.Fact] {
        let container = try nestedContainer(keyedBy: FactName.self, forKey: key)
        // An object has no order.
        return try container.allKeys.sorted { $0.stringValue < $1.stringValue }.map { name in
            Explanation.Fact(name: name.stringValue, value: try container.decode(String.self, forKey: name))
        }
    }
}

private struct FactName: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}
