package import Logging
import Synchronization

/// What keeps one program from its work with Redis: told once with its reason, again after an interval, and once when it is over.
///
/// Whoever meets such a trouble is a source of it, until it says that it is over. A trouble is over with its last source.
package final class RedisTroubles: Sendable {
    package enum Kind: Sendable, Hashable, CaseIterable {
        /// There is no connection.
        case connection
        /// Redis takes no writes.
        case writes
        /// Redis refuses something else, for a time.
        case calls
        /// A person has to mend it: see ``RedisError/Fault/isPermanent``.
        case permanent
    }

    /// Who has met a trouble: a connection, or a call that is sent again.
    package struct Source: Sendable, Hashable {
        fileprivate let number: Int
    }

    private struct Trouble {
        /// Since when each has it.
        var sources: [Source: ContinuousClock.Instant] = [:]
        /// The reasons that were told: faults, or the texts of what is none. Of one fault Redis has a text for each script.
        var told: Set<String> = []
        var lastTold: ContinuousClock.Instant?
        /// The same of connections that were lost, of which a line of its own tells: they may come back at once.
        var lost: Set<String> = []
        var lastLost: ContinuousClock.Instant?
    }

    private struct State {
        var count = 0
        var troubles: [Kind: Trouble] = [:]
        var onPermanent: (@Sendable (RedisError) -> Void)?
        var hasAnswered = false
    }

    /// One trouble has few reasons; of more, only some lines are logged.
    private static let mostReasons = 20

    private let state = Mutex(State())
    private let logger: Logger
    private let interval: Duration
    private let permanentLimit: Duration?

    /// - Parameters:
    ///   - interval: how long nothing is said of a trouble that goes on.
    ///   - permanentLimit: after how long a permanent error counts as one; `nil`: it is like any that keeps a connection from being made.
    package init(logger: Logger, interval: Duration = .seconds(30), permanentLimit: Duration? = nil) {
        self.logger = logger
        self.interval = interval
        self.permanentLimit = permanentLimit
    }

    /// Has `body` called, on any thread, whenever a source has had a permanent error for the limit; in place of what was said before.
    package func onPermanent(_ body: (@Sendable (RedisError) -> Void)?) {
        state.withLock { $0.onPermanent = body }
    }

    package func newSource() -> Source {
        state.withLock { state in
            state.count += 1
            return Source(number: state.count)
        }
    }

    /// Whether Redis has ever let one of these connections in.
    var hasAnswered: Bool { state.withLock { $0.hasAnswered } }

    /// Redis has let a connection in, whose trouble is over.
    func connected(_ source: Source) {
        state.withLock { $0.hasAnswered = true }
        over(source)
    }

    // MARK: Troubles

    /// The error of a call that is sent again. An outage is none of its own: the connection tells of it.
    package func note(_ error: RedisError, by source: Source) {
        if error.isPermanent {
            notePermanent(error, by: source)
        } else if error.fault?.stopsWrites == true {
            tell("redis takes no writes; they are sent again", error, .writes, by: source)
        } else if error.kind == .refused {
            tell("redis refused a call; it is sent again", error, .calls, by: source)
        } else {
            endPermanent(of: source)
        }
    }

    /// An attempt to make a connection that failed.
    ///
    /// - Parameter follows: whether it comes of attempts that have told why: what was told then is not told in other words.
    package func note(
        connection text: Logger.Message, _ error: RedisError, at address: String, by source: Source,
        follows: Bool = false
    ) {
        if error.isPermanent, permanentLimit != nil { return notePermanent(error, by: source) }
        endPermanent(of: source)
        tell(text, error, .connection, ["redis": "\(address)"], by: source, follows: follows)
    }

    /// A connection that was lost. It may come back at once; if it does not, the attempts tell why.
    package func note(lost error: RedisError, at address: String, by source: Source) {
        if error.isPermanent, permanentLimit != nil { return notePermanent(error, by: source) }
        endPermanent(of: source)
        let (now, reason) = (ContinuousClock.now, Self.reason(error))
        let isNews = state.withLock { state in
            var trouble = state.troubles[.connection] ?? Trouble()
            defer { state.troubles[.connection] = trouble }
            if trouble.sources[source] == nil { trouble.sources[source] = now }
            return mustTell(reason, at: now, &trouble.lost, &trouble.lastLost)
        }
        logger.log(
            level: isNews ? .notice : .debug, "the connection to redis was lost; reconnecting",
            metadata: ["redis": "\(address)", "cause": "\(error.message)\(error.advice)"])
    }

    /// - Returns: whether the source has had permanent errors for the limit.
    package func note(permanent error: RedisError, by source: Source) -> Bool {
        // One that starts ends at once.
        let text: Logger.Message =
            hasAnswered ? "redis refuses this worker, which ends if that lasts" : "redis refuses this worker"
        tell(text, error, .permanent, by: source)
        guard let permanentLimit else { return false }
        let since = state.withLock { $0.troubles[.permanent]?.sources[source] }
        return since.map { ContinuousClock.now - $0 >= permanentLimit } ?? false
    }

    private func notePermanent(_ error: RedisError, by source: Source) {
        guard note(permanent: error, by: source) else { return }
        state.withLock { $0.onPermanent }?(error)
    }

    /// What comes next is another error.
    private func endPermanent(of source: Source) {
        state.withLock { _ = $0.troubles[.permanent]?.sources.removeValue(forKey: source) }
    }

    /// By what a reason is known again. Another length of time, or another port of ours, is no other one; nor is it if a replica says by itself
    /// what it is, or is asked first.
    private static func reason(_ error: RedisError) -> String {
        if let fault = error.fault { return "\(fault)" }
        return error.isOfReplica ? "replica" : String(error.message.filter { !$0.isNumber })
    }

    /// Whether a reason is to be told now; notes that it is.
    private func mustTell(
        _ reason: String, at now: ContinuousClock.Instant, _ told: inout Set<String>,
        _ lastTold: inout ContinuousClock.Instant?
    ) -> Bool {
        let isNew = !told.contains(reason) && told.count < Self.mostReasons
        let isDue = lastTold.map { now - $0 >= interval } ?? true
        guard isNew || isDue else { return false }
        if isNew { told.insert(reason) }
        lastTold = now
        return true
    }

    private func tell(
        _ text: Logger.Message, _ error: RedisError, _ kind: Kind, _ metadata: Logger.Metadata = [:],
        by source: Source, follows: Bool = false
    ) {
        let (now, reason) = (ContinuousClock.now, Self.reason(error))
        let isNews = state.withLock { state in
            var trouble = state.troubles[kind] ?? Trouble()
            defer { state.troubles[kind] = trouble }
            if trouble.sources[source] == nil { trouble.sources[source] = now }
            if follows, !trouble.told.isEmpty { return false }
            return mustTell(reason, at: now, &trouble.told, &trouble.lastTold)
        }
        let all = metadata.merging(["cause": "\(error.message)\(error.advice)"]) { $1 }
        logger.log(level: isNews ? .warning : .debug, text, metadata: all)
    }

    // MARK: Their ends

    /// The source can do what it could not.
    package func over(_ source: Source) {
        for kind in leave(source) {
            switch kind {
            case .connection: logger.notice("redis answers again")
            case .writes: logger.notice("redis takes writes again")
            case .calls: logger.notice("redis takes the calls again that it refused")
            case .permanent: logger.notice("redis accepts this worker again")
            }
        }
    }

    /// The source asks no more.
    package func forget(_ source: Source) { _ = leave(source) }

    /// - Returns: what is over with it.
    private func leave(_ source: Source) -> [Kind] {
        state.withLock { state in
            var ended: [Kind] = []
            for kind in Kind.allCases {
                guard var trouble = state.troubles[kind] else { continue }
                trouble.sources[source] = nil
                state.troubles[kind] = trouble.sources.isEmpty ? nil : trouble
                if trouble.sources.isEmpty { ended.append(kind) }
            }
            return ended
        }
    }
}
