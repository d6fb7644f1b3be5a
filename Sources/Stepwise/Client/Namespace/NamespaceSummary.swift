#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// What a namespace holds, in numbers. A key of a wrong type counts as empty: the doctor names it.
package struct NamespaceSummary: Sendable, Hashable {
    package struct Queue: Sendable, Hashable {
        package var name: String
        /// Pushed items that no worker has claimed yet.
        package var pushed = 0
        /// Work items that are ready to be claimed.
        package var ready = 0
        /// How many of the living workers that were looked at claim from it.
        package var workers = 0
        package var isPaused = false

        package init(name: String, pushed: Int = 0, ready: Int = 0, workers: Int = 0, isPaused: Bool = false) {
            (self.name, self.pushed, self.ready) = (name, pushed, ready)
            (self.workers, self.isPaused) = (workers, isPaused)
        }
    }

    /// The keys of one kind among those that were looked at.
    package struct KeyKind: Sendable, Hashable {
        package var count = 0
        /// How many of them were measured, and how many bytes these take.
        package var measured = 0
        package var measuredBytes = 0

        /// About how many bytes all of them take, if the measured ones are like the others; `nil` if none was measured.
        package var bytes: Int? {
            measured == 0 ? nil : Int(saturating: Double(measuredBytes) / Double(measured) * Double(count))
        }
    }

    /// The number of the data format; `nil` if the namespace has none.
    package var format: String?
    /// Whether this version of Stepwise reads the format. If not, the rest is what this version would read.
    package var isReadable = true
    /// Since when the namespace is being deleted; nobody can open it.
    package var deletingSince: Date?

    /// Each status of which there are runs.
    package var runs: [RunStatus: Int] = [:]
    /// Failed runs that nobody has dealt with.
    package var dead = 0
    package var workersAlive = 0
    /// Workers that have not beaten for 15 s and that nobody has declared dead.
    package var workersSilent = 0
    package var workersDead = 0
    package var schedules = 0
    package var delayed = 0
    /// Work items that wait for a worker that has their workflow, in the lists that were found.
    package var unserved = 0
    /// Events to everybody that are kept, among the keys that were looked at.
    package var keptEvents: Int { kinds["kept"]?.count ?? 0 }
    /// Runs that do not exist and were sent events by clients.
    package var expected = 0
    package var malformed = 0
    /// Queues and workflows that are paused.
    package var paused = 0
    /// Those that were found, at most 1,000, sorted by name.
    package var queues: [Queue] = []

    /// By the word that their names begin with; `unknown` for those that the contract does not know.
    package var kinds: [String: KeyKind] = [:]
    /// How many keys the database has, those of others too.
    package var databaseSize = 0
    /// About how many of these were looked at.
    package var looked = 0
    /// Whether that was all.
    package var isComplete = false

    /// How many keys of the namespace were found.
    package var keysFound: Int { kinds.values.reduce(0) { $0 + $1.count } }
    /// About how many bytes these take; `nil` if none was measured.
    package var bytes: Int? {
        let parts = kinds.values.compactMap { $0.bytes }
        return parts.isEmpty ? nil : parts.reduce(0) { Int(saturating: Double($0) + Double($1)) }
    }
    /// Runs that have not ended.
    package var liveRuns: Int { runs.filter { !$0.key.isEnded }.values.reduce(0, +) }

    package init() {}

    /// The kind of a key.
    ///
    /// - Parameter name: without the namespace's prefix.
    static func kind(of name: String) -> String {
        if NamespaceKey(name) == nil { return "unknown" }
        // By bytes: what a user calls a run may join the colon to one character.
        return String(name.utf8.prefix { $0 != UInt8(ascii: ":") }) ?? "unknown"
    }
}
