/// How much workers have done, as `stats:<minute>` tells of it.
package struct WorkCounts: Sendable, Hashable {
    /// Runs that have ended, by how, with their functions or without. What clients ended is not among them.
    package var completed = 0
    package var failed = 0
    package var cancelled = 0
    /// Recorded outcomes past which functions were taken.
    package var outcomes = 0
    /// Attempts at steps whose bodies threw, or took too long.
    package var failedAttempts = 0
    /// How long bodies took, those of failed attempts too.
    package var milliseconds = 0

    /// A bucket stays for so many seconds after the last count: 72 hours.
    package static let retention = 259_200
    package static let minute = 60_000

    package init() {}

    /// - Parameter fields: of `stats:<minute>`. What is not a number, or is below zero, counts as 0.
    init(fields: [String: String]) {
        func count(_ name: String) -> Int { max(0, fields[name].flatMap { Int($0) } ?? 0) }
        (completed, failed, cancelled) = (count("completed"), count("failed"), count("cancelled"))
        (outcomes, failedAttempts) = (count("outcomes"), count("failedAttempts"))
        milliseconds = count("milliseconds")
    }

    /// With the names that `stats:<minute>` gives to them.
    package var fields: [(name: String, count: Int)] {
        [
            ("completed", completed), ("failed", failed), ("cancelled", cancelled), ("outcomes", outcomes),
            ("failedAttempts", failedAttempts), ("milliseconds", milliseconds),
        ]
    }

    package var isEmpty: Bool { self == WorkCounts() }

    package mutating func add(_ other: WorkCounts) {
        completed = Self.sum(completed, other.completed)
        failed = Self.sum(failed, other.failed)
        cancelled = Self.sum(cancelled, other.cancelled)
        outcomes = Self.sum(outcomes, other.outcomes)
        failedAttempts = Self.sum(failedAttempts, other.failedAttempts)
        milliseconds = Self.sum(milliseconds, other.milliseconds)
    }

    /// What was added since; none of these counts is smaller than it was.
    func since(_ before: WorkCounts) -> WorkCounts {
        var counts = WorkCounts()
        counts.completed = completed - before.completed
        counts.failed = failed - before.failed
        counts.cancelled = cancelled - before.cancelled
        counts.outcomes = outcomes - before.outcomes
        counts.failedAttempts = failedAttempts - before.failedAttempts
        counts.milliseconds = milliseconds - before.milliseconds
        return counts
    }

    /// At most the largest number: anybody may have written a bucket.
    private static func sum(_ a: Int, _ b: Int) -> Int {
        let (sum, isTooLarge) = a.addingReportingOverflow(b)
        return isTooLarge ? .max : sum
    }
}
