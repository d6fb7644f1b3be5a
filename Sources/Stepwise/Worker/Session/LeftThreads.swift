internal import Logging
import Synchronization

/// The threads of a worker that were left behind because user code holds them, each until it is free.
final class LeftThreads: Sendable {
    /// What a worker's entry says about them.
    struct Picture: Sendable, Hashable {
        /// The oldest first.
        var held: [HeldThread] = []
        /// Whether there are so many that the worker claims nothing.
        var isStopped = false
    }

    private struct State {
        var next = 0
        var held: [Int: HeldThread] = [:]
    }

    private let most: Int
    private let state = Mutex(State())
    private let logger: Logger

    /// - Parameter most: how many there may be.
    init(most: Int, logger: Logger) {
        self.most = most
        self.logger = logger
    }

    /// Whether there are as many as there may be.
    var isFull: Bool { state.withLock { $0.held.count >= most } }

    var picture: Picture {
        state.withLock { state in
            Picture(
                held: state.held.sorted { $0.key < $1.key }.map(\.value), isStopped: state.held.count >= most)
        }
    }

    /// Adds a thread, until the latch opens.
    func add(_ thread: HeldThread, until isFree: Latch) {
        let number = state.withLock { state in
            state.next += 1
            state.held[state.next] = thread
            return state.next
        }
        logger.notice(
            "a thread that user code holds was left behind",
            metadata: ["holder": "\(thread.holder)", "run": "\(thread.run ?? "")"])
        _ = isFree.whenOpen { [self] in
            state.withLock { _ = $0.held.removeValue(forKey: number) }
            logger.notice(
                "a thread that was left behind is free again",
                metadata: ["holder": "\(thread.holder)", "run": "\(thread.run ?? "")"])
        }
    }
}
