import Dispatch
internal import Logging

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A worker's part in ``LeaveWatch``: it hears SIGTERM and SIGINT, and the process ends when the worker has not left in time.
/// User code may hold every thread on which a shutdown is heard, or on which it ends.
final class LeaveSignal: Sendable {
    /// - Parameters:
    ///   - limit: how long the worker may take.
    ///   - leave: asks it to leave.
    func start(within limit: Duration, _ logger: Logger, leave: @escaping @Sendable () -> Void) {
        LeaveWatch.shared.add(
            .init(signal: self, deadline: LeaveDeadline(limit: limit), logger: logger, leave: leave))
    }

    /// The worker waits for no user code any more, and releases what it holds: the process does not end in the middle of that, if that is soon over.
    func noteRelease() { LeaveWatch.shared.note(self, isReleasing: true) }

    /// It holds nothing any more, or Redis has not answered in time.
    func noteReleased() { LeaveWatch.shared.note(self, isReleasing: false) }

    /// The worker has left. If a signal was heard the process still has to end in time: user code may hold the main thread, or what is called at exit.
    func stop() { LeaveWatch.shared.remove(self) }
}

/// Until when a worker may be leaving.
package struct LeaveDeadline: Sendable {
    /// How much longer its release may take.
    package static let release = Duration.seconds(8)
    /// How long it may take after such a release.
    package static let rest = Duration.seconds(1)

    private let limit: Duration
    private var extended = Duration.zero
    package private(set) var waited = Duration.zero
    package var isReleasing = false

    package init(limit: Duration) {
        self.limit = limit
    }

    package var isOver: Bool { waited >= max(limit, extended) }

    package mutating func wait(_ time: Duration) {
        waited += time
        // Redis is slow: what is not released would be taken for lost.
        if isReleasing, waited >= limit { extended = min(waited + Self.rest, limit + Self.release) }
    }
}

/// Ends the process without waiting for anybody whom user code may hold.
enum ProcessEnd {
    static let code: Int32 = 70

    /// Logs why, for as long as that may take, and ends the process.
    static func now(_ logger: Logger, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]) -> Never {
        // User code may hold what writes the log.
        let isLogged = DispatchSemaphore(value: 0)
        let hasThread = PlainThread.start {
            logger.critical(message, metadata: metadata)
            isLogged.signal()
        }
        if hasThread { _ = isLogged.wait(timeout: .now() + .milliseconds(500)) }
        _exit(code)
    }
}
