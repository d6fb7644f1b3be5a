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
    }

    private struct State {
        var count = 0
        var troubles: [Kind: Trouble] = [:]
        var onPermanent: (@Sendable (RedisError) -> Void)?
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

    /// A connection that was lost, or an attempt to make one that failed.
    package func note(connection text: Logger.Message, _ error: RedisError, at address: String, by source: Source) {
        if error.isPermanent, permanentLimit != nil { return notePermanent(error, by: source) }
        endPermanent(of: source)
        tell(text, error, .connection, ["redis": "\(address)"], by: source)
    }

    /// - Returns: whether the source has had permanent errors for the limit.
    package func note(permanent error: RedisError, by source: Source) -> Bool {
        tell("redis refuses this worker, which ends if that lasts", error, .permanent, by: source)
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

    private func tell(
        _ text: Logger.Message, _ error: RedisError, _ kind: Kind, _ metadata: Logger.Metadata = [:], by source: Source
    ) {
        let now = ContinuousClock.now
        // Another length of time, or another port of ours, is no other reason.
        let reason = error.fault.map { "\($0)" } ?? String(error.message.filter { !$0.isNumber })
        let isNews = state.withLock { state in
            var trouble = state.troubles[kind] ?? Trouble()
            defer { state.troubles[kind] = trouble }
            if trouble.sources[source] == nil { trouble.sources[source] = now }
            let isNew = !trouble.told.contains(reason) && trouble.told.count < Self.mostReasons
            let isDue = trouble.lastTold.map { now - $0 >= interval } ?? true
            guard isNew || isDue else { return false }
            if isNew { trouble.told.insert(reason) }
            trouble.lastTold = now
            return true
        }
        let all = metadata.merging(["cause": "\(error.message)\(error.advice)"]) { $1 }
        logger.log(level: isNews ? .warning : .debug, text, metadata: all)
    }

    // MARK: Their ends

    /// The source can do what it could not.
    package func over(_ source: Source) {
        for kind in leave(source) {
            switch kind {
            case .connection: logger.info("redis answers again")
            case .writes: logger.notice("redis takes writes again")
            case .calls: logger.info("redis takes the calls again that it refused")
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
