import NIOCore
internal import StepwiseRedis
import Synchronization

/// What a beat brought back.
struct BeatReply: Sendable {
    var isDead: Bool
    /// Entries of `delayed` whose time has come.
    var due: [String]
    /// Every worker that is not dead, with its last beat.
    var workers: [(name: String, beat: String)]
    /// What is paused of this worker's queues and workflows.
    var paused: Set<String>
    /// Redis' time, in milliseconds since 1970.
    var time: Int?
    /// The number in `meta`.
    var format: String?
    /// The labels that have an index, in `meta` too.
    var indexed: [String]
    /// What the claim lists hold, how many pushed items are claimed, lists with unserved work items, and versioned ones with runs that are unfit; only in some beats.
    /// `areAll`: whether the claims are all that they hold.
    var lists: (claims: [[UInt8]], areAll: Bool, pushed: Int, unserved: [UnservedList], unfit: [Int])?
}

/// Renews the worker's entry twice a second from an event loop of its own: user code that blocks every thread of Swift's pool
/// does not make the worker look dead.
final class Heartbeat: Sendable {
    /// The most due entries that a beat brings.
    static let duePage = 100
    /// The most lists of unserved work items that one beat looks at.
    private static let mostLists = 200

    private let session: WorkerSession
    private let client: RedisClient
    private let interval: TimeAmount
    private let listsEvery: Int
    private let onReply: @Sendable (BeatReply?) -> Void
    private let watch: ThreadWatch
    private let busy: BusyWatch
    private let facts: Mutex<BeatFacts>
    private let tasks = Mutex<[RepeatedTask]>([])
    private let count = Atomic<Int>(0)
    /// The first of the lists at which the next beat looks.
    private let nextList = Atomic<Int>(0)
    /// How many runs were cancelled at the last beat, and whether the beat before saw more than the one before it.
    private let cancels = Mutex<(count: String, haveRisen: Bool)>(("", false))
    private let trouble: RedisTroubles.Source
    /// Whether the last beat was refused.
    private let isRefused = Atomic(false)

    /// - Parameter onReply: called on the event loop; `nil` for a beat that failed.
    init(session: WorkerSession, onReply: @escaping @Sendable (BeatReply?) -> Void) {
        self.session = session
        client = session.connections.beat
        let lease = session.configuration.lease.milliseconds
        let interval = min(500, lease / 5)
        self.interval = .milliseconds(Int64(interval))
        listsEvery = max(1, Int(min(2000, lease / 4) / interval))
        self.onReply = onReply
        trouble = session.connections.troubles.newSource()
        watch = ThreadWatch(session: session, every: Int(interval))
        busy = BusyWatch(session: session, every: Int(interval))
        facts = Mutex(BeatFacts(free: session.configuration.concurrency))
    }

    func start() {
        // The beats of workers that were started together drift apart.
        let repeated = client.eventLoop.scheduleRepeatedAsyncTask(
            initialDelay: .zero, delay: interval, maximumAllowableJitter: .nanoseconds(interval.nanoseconds / 5)
        ) { [self] _ in beat() }
        // By itself: a beat waits for its answer, and a tick is a length of time.
        let ticks = client.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) {
            [watch, busy] _ in
            watch.tick()
            busy.tick()
        }
        let flushes = client.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(10), delay: .seconds(10)) {
            [self] _ in sendCounts()
        }
        tasks.withLock { $0 = [repeated, ticks, flushes] }
    }

    func stop() {
        for task in tasks.withLock({ $0 }) { task.cancel() }
        session.connections.troubles.forget(trouble)
    }

    private func beat() -> EventLoopFuture<Void> {
        let (known, haveRisen) = cancels.withLock { $0 }
        let withLists = haveRisen || count.wrappingAdd(1, ordering: .relaxed).oldValue % listsEvery == 0
        let lists = session.unservedLists(from: nextList.load(ordering: .relaxed), atMost: Self.mostLists)
        let comparisons = session.comparisons.count
        let news = facts.withLock { $0.news(free: session.slots.free, comparisons: comparisons) }
        let call = ScriptCall.beat(
            session.keys, session.name, duePage: Self.duePage, withLists: withLists,
            hasClaimed: session.takeClaimNote(), cancels: known, queues: session.configuration.queues,
            unserved: lists, versioned: session.versionedWorkflows, news: news, pausables: session.pausables)
        let (sent, start) = (wallClockMilliseconds(), ContinuousClock.now)
        let future = client.submit(call)
        return future.map { [self] reply in
            let cancels = reply.array?.dropFirst(6).first?.string ?? known
            // What was claimed since the last look is looked at twice.
            self.cancels.withLock { $0 = (cancels, cancels != known) }
            let answer = Self.read(reply, lists)
            if let answer, !answer.isDead, let time = answer.time {
                let took = (ContinuousClock.now - start).wholeMilliseconds
                // Upkeep may be at work for long, and who adds an index waits for a beat alone.
                session.indexedLabels = answer.indexed
                session.counts.note(redisTime: time)
                facts.withLock { facts in
                    facts.confirm(news, comparisons: comparisons)
                    facts.note(sent: sent, took: took, redis: time)
                }
            }
            if answer?.lists != nil { nextList.wrappingAdd(lists.count, ordering: .relaxed) }
            if isRefused.exchange(false, ordering: .relaxed) { session.connections.troubles.over(trouble) }
            onReply(answer)
        }.recover { [self] error in
            if let error = error as? RedisError, !session.isOver,
                error.fault != nil || isRefused.load(ordering: .relaxed)
            {
                isRefused.store(true, ordering: .relaxed)
                session.connections.troubles.note(error, by: trouble)
            }
            onReply(nil)
        }
    }

    /// What was done since the last time, in the way that a lost answer counts nothing twice.
    private func sendCounts() {
        if session.isOver { return }
        guard let flush = session.counts.nextFlush(of: session.name) else { return }
        let call = ScriptCall.countWork(
            session.keys, session.name, minute: flush.minute, number: flush.number, flush.counts)
        client.submit(call).whenSuccess { [session] _ in session.counts.confirm(flush) }
    }

    private static func read(_ reply: RedisValue, _ unserved: [UnservedList]) -> BeatReply? {
        guard let items = reply.array, items.count == 14, let due = items[1].array, let index = items[2].array else {
            return nil
        }
        let workers = stride(from: 0, to: index.count - 1, by: 2).compactMap { at -> (name: String, beat: String)? in
            guard let name = index[at].string, let beat = index[at + 1].string else { return nil }
            return (name, beat)
        }
        return BeatReply(
            isDead: items[0].string != "alive", due: due.compactMap(\.string), workers: workers,
            paused: Set(items[9].array?.compactMap(\.string) ?? []), time: items[12].integer,
            format: items[5].string.flatMap { $0.isEmpty ? nil : $0 },
            indexed: IndexedLabels.names(items[13].string ?? ""),
            lists: items[7].integer == 1
                ? (
                    items[3].array?.compactMap(\.bytes) ?? [], items[11].integer == 1, items[10].integer ?? 0,
                    items[4].array?.compactMap(\.integer).filter(unserved.indices.contains).map { unserved[$0] } ?? [],
                    items[8].array?.compactMap(\.integer) ?? []
                ) : nil)
    }
}
