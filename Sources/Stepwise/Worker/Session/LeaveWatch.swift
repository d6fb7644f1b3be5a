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

/// Hears SIGTERM and SIGINT for the workers of this process, beside everybody else who hears them, and ends the process in time.
///
/// It looks from a thread of its own. From the signal to the process's end it needs neither Swift's pool nor Dispatch, and no file: user code can take
/// all threads of both, and can close files that are not its own.
final class LeaveWatch: Sendable {
    struct Worker: Sendable {
        /// Kept, so that no other one is taken for it.
        let signal: LeaveSignal
        var deadline: LeaveDeadline
        let logger: Logger
        let leave: @Sendable () -> Void
        /// Whether the time counts.
        var hasBegun = false
        var isAsked = false
    }

    private struct State {
        var sources: [any DispatchSourceSignal] = []
        var workers: [ObjectIdentifier: Worker] = [:]
        var hasThread = false
    }

    /// What is to be done after a look.
    private struct Look: Sendable {
        var isLast = false
        var leaves: [@Sendable () -> Void] = []
        /// The worker for which the process ends.
        var late: Worker?
    }

    static let shared = LeaveWatch()

    private let state = Mutex(State())
    /// The queues of user code have another class as a rule, and each class has threads of its own.
    private let queue = DispatchQueue(label: "stepwise.leaving", qos: .userInitiated)

    // MARK: What a worker calls

    func add(_ worker: Worker) {
        state.withLock { state in
            state.workers[ObjectIdentifier(worker.signal)] = worker
            let isFirst = state.sources.isEmpty
            if isFirst {
                for number in SignalHandler.numbers {
                    // Dispatch, once it hears a signal for anybody, can take it before the handler is called.
                    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
                    source.setEventHandler { SignalHandler.isHeard.store(true, ordering: .relaxed) }
                    source.resume()
                    state.sources.append(source)
                }
            }
            SignalHandler.install(isFirst: isFirst)
            if !state.hasThread { state.hasThread = PlainThread.start { LeaveWatch.shared.watch() } }
        }
    }

    func note(_ signal: LeaveSignal, isReleasing: Bool) {
        state.withLock { state in
            let key = ObjectIdentifier(signal)
            state.workers[key]?.deadline.isReleasing = isReleasing
        }
    }

    /// Does nothing once a signal was heard.
    func remove(_ signal: LeaveSignal) {
        state.withLock { state in
            let key = ObjectIdentifier(signal)
            if Self.isHeard || state.workers[key] == nil { return }
            if state.workers.count == 1 {
                for source in state.sources { source.cancel() }
                state.sources = []
                SignalHandler.remove()
            }
            // One may have come until then. The watch goes on, and installs the handler again.
            if !Self.isHeard { state.workers[key] = nil }
        }
    }

    // MARK: The watch's thread

    private static var isHeard: Bool { SignalHandler.isHeard.load(ordering: .relaxed) }

    private func watch() {
        SignalHandler.unblock()
        var last = ContinuousClock.now
        while true {
            usleep(100_000)
            let now = ContinuousClock.now
            // The time in which the process was stopped does not count.
            let passed = min(now - last, .seconds(1))
            last = now
            let look = state.withLock { Self.look(&$0, passed) }
            for leave in look.leaves {
                let hasThread = PlainThread.start(leave)
                if !hasThread { leave() }
            }
            if let late = look.late {
                ProcessEnd.now(
                    late.logger,
                    "the worker has not left in time, because user code holds its threads or Redis does not answer; the process ends",
                    ["milliseconds": "\(late.deadline.waited.wholeMilliseconds)"])
            }
            if look.isLast { return }
        }
    }

    private static func look(_ state: inout State, _ passed: Duration) -> Look {
        var look = Look()
        if state.workers.isEmpty {
            state.hasThread = false
            look.isLast = true
            return look
        }
        SignalHandler.install(isFirst: false)
        guard isHeard else { return look }
        for (key, worker) in state.workers {
            var worker = worker
            if worker.hasBegun { worker.deadline.wait(passed) }
            worker.hasBegun = true
            // A little later, so that a service group that hears the signal asks first: else it would take the end for a failure.
            if !worker.isAsked, worker.deadline.waited >= .milliseconds(100) {
                worker.isAsked = true
                look.leaves.append(worker.leave)
            }
            state.workers[key] = worker
        }
        // Of several workers the one with the longest grace decides.
        if state.workers.values.allSatisfy(\.deadline.isOver) { look.late = state.workers.values.first }
        return look
    }
}
