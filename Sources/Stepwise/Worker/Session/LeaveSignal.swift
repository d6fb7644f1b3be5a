import Dispatch
internal import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Hears SIGTERM and SIGINT on a queue of its own, beside everybody else who hears them, and ends the process when the worker has not left in time:
/// user code may hold every thread on which a shutdown is heard, or on which it ends.
final class LeaveSignal: Sendable {
    private struct State {
        var sources: [any DispatchSourceSignal] = []
        var isHeard = false
        var isOver = false
        /// Whether no user code is waited for any more.
        var isReleasing = false
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "stepwise.leaving")
    /// How many milliseconds the release may take beyond that.
    private static let release = 8000

    /// - Parameters:
    ///   - milliseconds: how long the worker may take.
    ///   - leave: asks it to leave.
    func start(within milliseconds: Int, _ logger: Logger, leave: @escaping @Sendable () -> Void) {
        for number in [SIGTERM, SIGINT] {
            // Not on Linux: there the source would no longer hear it.
            #if canImport(Darwin)
            signal(number, SIG_IGN)
            #endif
            state.withLock { state in
                let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
                source.setEventHandler { [weak self, queue] in
                    // A little later, so that a service group that hears the signal asks first: else it would take the end for a failure.
                    queue.asyncAfter(deadline: .now() + .milliseconds(100)) { leave() }
                    self?.endProcess(in: milliseconds, logger)
                }
                source.resume()
                state.sources.append(source)
            }
        }
    }

    private func endProcess(in milliseconds: Int, _ logger: Logger) {
        let isFirst = state.withLock { state in
            defer { state.isHeard = true }
            return !state.isHeard
        }
        if isFirst { endProcess(again: milliseconds, logger) }
    }

    private func endProcess(again milliseconds: Int, _ logger: Logger) {
        queue.asyncAfter(deadline: .now() + .milliseconds(milliseconds)) { [weak self] in
            guard let self, !self.state.withLock({ $0.isOver }) else { return }
            let isReleasing = self.state.withLock { state in
                defer { state.isReleasing = false }
                return state.isReleasing
            }
            // Redis is slow: what is not released would be taken for lost.
            if isReleasing { return self.endProcess(again: Self.release, logger) }
            ProcessEnd.now(
                logger,
                "the worker has not left in time, because user code holds its threads or Redis does not answer; the process ends"
            )
        }
    }

    /// The worker waits for no user code any more, and releases what it holds: the process does not end in the middle of that, if that is soon over.
    func noteRelease() {
        state.withLock { $0.isReleasing = true }
    }

    /// The worker has left.
    func stop() {
        state.withLock { state in
            state.isOver = true
            for source in state.sources { source.cancel() }
            state.sources = []
        }
    }
}

/// Ends the process without waiting for anybody whom user code may hold.
enum ProcessEnd {
    static let code: Int32 = 70

    /// Logs why, for as long as that may take, and ends the process.
    static func now(_ logger: Logger, _ message: Logger.Message, _ metadata: Logger.Metadata = [:]) -> Never {
        // User code may hold what writes the log.
        let isLogged = DispatchSemaphore(value: 0)
        DispatchQueue(label: "stepwise.ending").async {
            logger.critical(message, metadata: metadata)
            isLogged.signal()
        }
        _ = isLogged.wait(timeout: .now() + .milliseconds(500))
        _exit(code)
    }
}
