package import NIOCore
import Synchronization

/// Hands observations to the observer, one after the other, in a task of its own: whatever the observer does, no run waits for it.
package final class ObserverFeed: Sendable {
    private let feed: AsyncStream<Observation>.Continuation
    private let dropped: Dropped
    private let work: Task<Void, Never>
    private let isDone = Latch()

    private final class Dropped: Sendable {
        let count = Atomic(0)
    }

    /// - Parameter limit: how many observations wait at most; what comes when there are so many is dropped and counted.
    package init(limit: Int = 10_000, _ observer: @escaping @Sendable (Observation) async -> Void) {
        let (observations, feed) = AsyncStream<Observation>.makeStream(bufferingPolicy: .bufferingOldest(limit))
        let dropped = Dropped()
        (self.feed, self.dropped) = (feed, dropped)
        work = Task.detached { [isDone] in
            for await observation in observations {
                await observer(observation)
                let missing = dropped.count.exchange(0, ordering: .relaxed)
                if missing > 0 { await observer(.dropped(missing)) }
            }
            isDone.open()
        }
    }

    package func report(_ observation: Observation) {
        if case .dropped = feed.yield(observation) { dropped.count.add(1, ordering: .relaxed) }
    }

    /// Lets the observer have what waits, for a while; an observer that does not come to its end is left behind.
    ///
    /// - Parameter eventLoop: has the timer.
    package func end(patience: Duration = .seconds(2), on eventLoop: any EventLoop) async {
        feed.finish()
        await isDone.wait(atMost: patience, on: eventLoop)
        // What the observer does about it is user code as well.
        Task.detached { [work] in work.cancel() }
    }
}
