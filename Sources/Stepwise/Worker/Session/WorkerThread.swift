import NIOCore
import NIOPosix

/// The thread of one session: claims, replies, functions and quick bodies. User code can hold it; then only this thread is lost.
struct WorkerThread: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let executor: WorkerExecutor

    init() {
        executor = WorkerExecutor(group.next())
    }

    /// Ends it, once it is free.
    func close() async {
        await executor.close()
        try? await group.shutdownGracefully()
    }
}
