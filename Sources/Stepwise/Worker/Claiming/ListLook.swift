internal import Logging
internal import StepwiseRedis
import Synchronization

/// Looks at the lists for which a worker has no blocking move, all of them in one write, four times a second. Where something lies, a ``ClaimLoop``
/// claims it until the list is empty.
///
/// A look takes nothing and needs no slot.
final class ListLook: Sendable {
    static let interval = Duration.milliseconds(250)
    /// How many lists one question is about.
    private static let page = 100

    private let session: WorkerSession
    private let pages: [[ClaimSource]]
    /// The lists that a loop claims from now.
    private let busy = Mutex<Set<ClaimSource>>([])
    private let end = Latch()

    init(session: WorkerSession, sources: [ClaimSource]) {
        self.session = session
        pages = sources.pages(of: Self.page)
    }

    func run() async {
        if pages.isEmpty { return }
        let eventLoop = session.connections.executor.eventLoop
        await withDiscardingTaskGroup { group in
            var trouble = LoopTrouble(session.connections.troubles)
            defer { trouble.forget() }
            while !session.isLeaving {
                var pause = Self.interval
                do throws(RedisError) {
                    if !session.isDraining, !session.slots.isHeld {
                        for source in try await found() {
                            busy.withLock { _ = $0.insert(source) }
                            group.addTask { [self] in
                                await ClaimLoop(session: session, source: source).runWhileFull(until: end)
                                busy.withLock { _ = $0.remove(source) }
                            }
                        }
                        trouble.over()
                    }
                } catch {
                    if error.kind == .closed || session.isOver { return }
                    trouble.note(error) {
                        session.logger.warning("looking at the queues failed", metadata: ["error": "\(error)"])
                    }
                    if error.kind != .unavailable { pause = .seconds(2) }
                }
                await end.wait(atMost: pause, on: eventLoop)
            }
        }
    }

    /// Ends the pauses: the worker leaves.
    func stop() { end.open() }

    /// The lists where something lies that may be claimed now, and from which nobody claims.
    private func found() async throws(RedisError) -> [ClaimSource] {
        let full = try await ask(pages) { $0 }.joined().filter { mayClaim(from: $0) }
        return try await ask(full) { [$0] }
    }

    private func mayClaim(from source: ClaimSource) -> Bool {
        !session.isPaused(queue: source.queue) && !busy.withLock { $0.contains(source) }
    }

    /// Which of these have a list that is not empty; an empty one does not exist. One question for each, a page of them in one write.
    private func ask<Element>(
        _ elements: [Element], _ sources: (Element) -> [ClaimSource]
    ) async throws(RedisError) -> [Element] {
        let keys = session.keys
        var found: [Element] = []
        for page in elements.pages() {
            let questions: [StoreCommand<Int>] = page.map { element in
                .count(existing: sources(element).map { $0.list(keys) })
            }
            let replies = try await session.connections.commands.send(questions)
            for (element, reply) in zip(page, replies) {
                if try reply.get() > 0 { found.append(element) }
            }
        }
        return found
    }
}
