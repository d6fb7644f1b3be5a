#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What of a whole namespace does not move by itself, grouped by cause, and what can be done about each.
///
/// Texts are printable, on one line and bounded, without secrets. Times are by Redis' clock. As JSON a time is a whole number of milliseconds
/// since 1970.
public struct FleetExplanation: Sendable, Hashable, Codable {
    /// `stuck` if something was found that nobody moves, `unknown` if something may go wrong, `ended` if runs have failed or items were rejected
    /// within the last hour and nothing else is wrong, else `moving`.
    public var verdict: Explanation.Verdict
    /// How many live runs do not move by themselves, as one sentence.
    public var sentence: String
    /// How many runs have not ended.
    public var live: Int
    /// How many of them do not move by themselves, as far as was looked.
    public var stuck: Int
    /// Whether ``stuck`` is all of them. If not, a part of the runs was looked at, and there may be more.
    public var isExact: Bool
    /// The causes, those of the whole fleet first, then the worst and largest.
    public var rows: [Row]
    /// Of what only a part was looked at, and how large that part is.
    public var samples: [Sample]
    /// When it was looked at; `nil` if nothing could be read.
    public var at: Date?

    private enum CodingKeys: String, MillisecondKeys {
        case verdict, sentence, live, stuck, isExact, rows, samples, at
    }

    package init(
        verdict: Explanation.Verdict, sentence: String, live: Int = 0, stuck: Int = 0, isExact: Bool = false,
        rows: [Row], samples: [Sample] = [], at: Date? = nil
    ) {
        (self.verdict, self.sentence, self.live, self.stuck) = (verdict, sentence, live, stuck)
        (self.isExact, self.rows, self.samples, self.at) = (isExact, rows, samples, at)
    }

    /// What one cause has stopped, or may stop.
    public struct Row: Sendable, Hashable, Codable {
        public var cause: Explanation.Cause
        /// What becomes of it if nobody does anything.
        public var verdict: Explanation.Verdict
        /// How many of ``unit`` it concerns.
        public var count: Int
        /// Whether ``count`` is all of them; if not, there are at least so many.
        public var isExact: Bool
        public var unit: Unit
        /// Since when the oldest of them has been so, as far as that is stored.
        public var oldest: Date?
        /// At most three workflows that it concerns.
        public var workflows: [String]
        /// The ids of at most three runs that it concerns, the oldest first.
        public var runs: [String]
        /// What is so.
        public var sentence: String
        /// What to do, the best first. Empty: nothing, it goes on by itself.
        public var next: [Explanation.Action]

        private enum CodingKeys: String, MillisecondKeys {
            case cause, verdict, count, isExact, unit, oldest, workflows, runs, sentence, next
        }

        package init(
            _ cause: Explanation.Cause, _ verdict: Explanation.Verdict, count: Int, _ unit: Unit, isExact: Bool = true,
            oldest: Date? = nil, workflows: [String] = [], runs: [String] = [], sentence: String,
            next: [Explanation.Action]
        ) {
            (self.cause, self.verdict, self.count, self.isExact) = (cause, verdict, count, isExact)
            (self.unit, self.oldest, self.next) = (unit, oldest, next)
            self.workflows = workflows.prefix(3).map { $0.prefix(bytes: 200).printable }
            self.runs = runs.prefix(3).map { $0.prefix(bytes: 400).printable }
            self.sentence = sentence.prefix(bytes: 1000).printable
        }
    }

    /// What a row counts.
    public enum Unit: String, Sendable, Hashable, Codable {
        case runs
        /// Items of lists, and entries of `delayed`. A run may have several.
        case items
        case workers
        case schedules

        /// `item`, or `items`.
        package func word(_ count: Int) -> String { count == 1 ? String(rawValue.dropLast()) : rawValue }
    }

    /// How much of something was looked at.
    public struct Sample: Sendable, Hashable, Codable {
        /// Such as `running runs`.
        public var what: String
        public var looked: Int
        public var total: Int
        /// A line for a shell that looks at all of them; `nil` if none does.
        public var command: String?

        package init(what: String, looked: Int, total: Int, command: String? = nil) {
            (self.what, self.looked, self.total, self.command) = (what, looked, total, command)
        }
    }
}

extension FleetExplanation {
    /// One line: how many runs do not move, and the first cause.
    public var line: String {
        guard let first = rows.first(where: { $0.verdict == .stuck }) ?? rows.first else { return sentence }
        return first.verdict == .stuck ? "\(sentence): \(first.sentence)" : "\(sentence). \(first.sentence)"
    }

    /// For what ``StepwiseClient/explain()`` throws when nothing can be read.
    ///
    /// - Returns: `nil` for an error that does not say anything of the fleet.
    package init?(unreadable error: StepwiseError, keys: Keys) {
        guard let explanation = Explanation(of: "", unreadable: error, keys: keys) else { return nil }
        let row = Row(
            explanation.cause, .unknown, count: 0, .runs, isExact: false, sentence: explanation.sentence,
            next: explanation.next)
        self.init(verdict: .unknown, sentence: "nothing could be read", rows: [row])
    }
}

extension Int {
    /// With a comma before each three digits: `9,310`.
    var grouped: String {
        var digits = Array(String(magnitude))
        for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
        return (self < 0 ? "-" : "") + String(digits)
    }

    /// `1 worker is`, or `2 workers are`.
    ///
    /// - Parameter more: what stands for any other number than one.
    func of(_ one: String, _ more: String) -> String { "\(grouped) \(self == 1 ? one : more)" }
}
