public import Logging
internal import NIOCore
internal import NIOPosix
public import ServiceLifecycle
internal import StepwiseRedis
import Synchronization

/// Claims work items and takes runs forward: a service to run beside others, in as many processes as wanted.
///
/// ```swift
/// let worker = try StepwiseWorker(redis: .fromEnvironment(), workflows: [processOrder], logger: logger)
/// try await ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
/// ```
///
/// Steps are executed at least once and recorded exactly once.
public final class StepwiseWorker: Service, Sendable {
    private let redis: RedisEndpoint
    private let functions: [String: WorkflowFunction]
    private let schedules: [Schedule]
    private let configuration: Configuration
    private let keys: Keys
    private let logger: Logger
    private let observer: ObserverFeed?
    private let shutdown = Latch()
    private let hasRun = Atomic(false)
    private let signal = LeaveSignal()
    private let blocking: BlockingThreads
    private let poolBodies = PoolBodies()
    private let counts = WorkCounter()
    private let left: LeftThreads
    private let troubles: RedisTroubles
    /// Whether Redis could ever be worked with.
    private let hasConnected = Atomic(false)

    /// The worker's event loops beside that of its ``WorkerThread``, each a thread of its own.
    private struct Loops: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        /// The heartbeat and its connection, over which the engine calls too.
        let beat: any EventLoop
        /// The session's life, upkeep and their timers. No user code is executed here, nor waited for.
        let engine: WorkerExecutor

        init() {
            beat = group.next()
            engine = WorkerExecutor(group.next())
        }

        /// Ends them; waits at most 2 s.
        func close() async {
            let isOver = Latch()
            // Before its loop ends, and never cancelled: afterwards neither is possible.
            engine.eventLoop.scheduleTask(in: .seconds(2)) { isOver.open() }
            Task.detached {
                await engine.close()
                try? await group.shutdownGracefully()
                isOver.open()
            }
            await isOver.wait()
        }
    }

    /// - Parameters:
    ///   - redis: where Redis is.
    ///   - workflows: what this worker can execute; their names must differ.
    ///   - schedules: are made when the worker starts, or changed to what is said here; see ``Schedule``.
    ///   - configuration: queues, concurrency, lease and more.
    ///   - logger: gets nothing per step above `debug`.
    /// - Throws: ``StepwiseError`` with code `invalidConfiguration`, `invalidIdentifier`, `invalidSchedule` or `tooLarge`, naming the setting.
    public init(
        redis: RedisEndpoint, workflows: [any AnyWorkflow], schedules: [Schedule] = [],
        configuration: Configuration = .init(), logger: Logger
    ) throws {
        try configuration.check()
        for schedule in schedules {
            try schedule.check(maximumPayloadSize: configuration.maximumPayloadSize, of: "worker's configuration")
        }
        if Set(schedules.map(\.name)).count != schedules.count {
            throw StepwiseError(
                .invalidConfiguration,
                "two schedules have one name: \(schedules.map(\.name).sorted().joined(separator: ", "))")
        }
        var functions: [String: WorkflowFunction] = [:]
        for workflow in workflows {
            try Identifier.check(workflow: workflow.name)
            if let version = workflow.function.version {
                try Identifier.check(version: version, of: workflow.name)
            }
            if functions.updateValue(workflow.function, forKey: workflow.name) != nil {
                throw StepwiseError(
                    .invalidConfiguration, "two workflows are called \"\(workflow.name)\"; give one another name")
            }
        }
        self.redis = redis
        self.functions = functions
        self.schedules = schedules
        self.configuration = configuration
        observer = configuration.observer.map { ObserverFeed($0) }
        blocking = BlockingThreads(min(configuration.blockingThreads, configuration.concurrency))
        self.logger = logger.printable
        left = LeftThreads(most: configuration.maximumStuckThreads, logger: self.logger)
        troubles = RedisTroubles(
            logger: self.logger, interval: configuration.troubleInterval,
            permanentLimit: configuration.permanentErrorLimit)
        keys = try Keys(namespace: configuration.namespace ?? StepwiseNamespace.fromEnvironment())
    }

    /// Works until a graceful shutdown or the task's cancellation; then stops claiming, lets running bodies end within
    /// ``Configuration/shutdownGrace``, gives the rest back, and returns. To be called once.
    ///
    /// - Throws: ``StepwiseError`` with code `unsupportedRedis`, `otherDataFormat`, `redisDenied`, or `redisUnavailable` for a host name without an
    ///   address, before anything was claimed. A Redis that cannot be reached is waited for. Once the worker is at work, only what a person has to
    ///   mend and nobody has mended for ``Configuration/permanentErrorLimit``: a password, a permission, a certificate (`redisDenied`), or a node
    ///   of a cluster that has lost the namespace (`unsupportedRedis`).
    public func run() async throws {
        precondition(!hasRun.exchange(true, ordering: .relaxed), "a StepwiseWorker runs once; make another one")
        let loops = Loops()
        defer { signal.stop() }
        if configuration.onStuck == .endProcess {
            // No number is too large for it; who has a grace of more than years never needs it.
            let grace = min(configuration.shutdownGrace, .seconds(1_000_000_000))
            signal.start(within: grace + .seconds(2), logger) { [weak self] in self?.leave() }
        }
        // Unstructured, so that releasing is not itself cancelled; off Swift's pool, so that bodies which block all of it delay nothing but
        // the return of this method.
        let work = onEngine(loops) { try await self.work(loops) }
        let result = await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await work.result
            } onCancel: {
                leave()
            }
        } onGracefulShutdown: {
            self.leave()
        }
        await Task.detached { await loops.close() }.value
        try result.get()
    }

    /// Asks the worker to leave, from any thread. ServiceLifecycle hears of a signal on Swift's pool; who has to be heard in spite of bodies
    /// that block all of it calls this.
    package func leave() { shutdown.open() }

    /// A task of the engine, whose calls go over the heartbeat's connection.
    private func onEngine<Value: Sendable>(
        _ loops: Loops, _ body: @escaping @Sendable () async throws -> Value
    ) -> Task<Value, any Error> {
        Task.detached(executorPreference: loops.engine) {
            try await WorkerSession.Caller.$current.withValue(.engine) { try await body() }
        }
    }

    private func work(_ loops: Loops) async throws {
        var result: Result<Void, any Error> = .success(())
        do {
            while !shutdown.isOpen {
                let ending = try await live(loops)
                if case .leaving = ending { break }
                if case .permanentError(let error) = ending { throw error }
                if shutdown.isOpen { break }
                if case .poolHeld(_, let holder, let bodies) = ending {
                    ProcessEnd.now(logger, "\(holder); the process ends", ["holders": "\(bodies)"])
                }
                if left.isFull { meetFullness() }
                logger.warning(
                    "the worker begins anew under another name", metadata: ["reason": "\(ending)"])
            }
        } catch {
            result = .failure(error)
        }
        blocking.close()
        await observer?.end(on: loops.engine.eventLoop)
        try result.get()
    }

    /// User code holds as many threads as it may.
    private func meetFullness() {
        let holders = left.picture.held.map(\.holder).joined(separator: "; ")
        let metadata: Logger.Metadata = ["held": "\(left.picture.held.count)", "holders": "\(holders)"]
        switch configuration.onStuck {
        case .endProcess:
            ProcessEnd.now(
                logger, "user code holds maximumStuckThreads threads of the worker; the process ends", metadata)
        case .stopClaiming:
            logger.critical(
                "user code holds maximumStuckThreads threads of the worker; it claims nothing until one is free: restart the process",
                metadata: metadata)
        }
    }

    /// One life under one name, on a thread of its own.
    private func live(_ loops: Loops) async throws -> WorkerSession.Ending {
        let name = WorkerName.new()
        let thread = WorkerThread()
        let connections = WorkerConnections(
            redis: redis, name: name, queues: configuration.queues, executor: thread.executor, beat: loops.beat,
            troubles: troubles, logger: logger)
        do {
            guard let redisSession = try await connect(connections, loops) else {
                await end(connections, thread, loops)
                return .leaving
            }
            let session = WorkerSession(
                name: name, keys: keys, configuration: configuration, functions: functions, connections: connections,
                blocking: blocking, pool: poolBodies, left: left, counts: counts, observer: observer,
                logger: logger)
            troubles.onPermanent { [redis] error in
                session.end(.permanentError(StepwiseError(error, doing: "working with redis", at: redis)))
            }
            defer { troubles.onPermanent(nil) }
            let others = session.serversApart()
            if !redisSession.runID.isEmpty { session.admit(redisSession) }
            let comparing = onEngine(loops) { await session.compareServers(others) }
            defer { comparing.cancel() }
            do {
                let stop = shutdown.whenOpen { session.end(.leaving) }
                defer { shutdown.forget(stop) }
                try await session.register(functions.keys.sorted())
                if redisSession.runID.isEmpty { session.admit(redisSession) }
                try await session.askForPaused()
                try await session.declare(schedules)
            } catch is SessionEnded {
                // Redis came back without the name, or a shutdown came first.
                await end(connections, thread, loops)
                if shutdown.isOpen { return .leaving }
                if session.isOver, case .permanentError(let error) = await session.waitForEnd() {
                    return .permanentError(error)
                }
                return .serverChanged
            }
            return await work(as: session, thread, loops)
        } catch {
            await end(connections, thread, loops)
            throw error
        }
    }

    /// Ends a session's connections and its thread. A thread that user code holds is left behind, and ends once it is free: nothing waits for it.
    ///
    /// - Parameter holder: tells what holds it, if that is known; called if it does not end.
    private func end(
        _ connections: WorkerConnections, _ thread: WorkerThread, _ loops: Loops, within limit: Duration = .seconds(2),
        holder: () -> HeldThread? = { nil }
    ) async {
        let isFree = Latch()
        Task.detached(executorPreference: loops.engine) {
            // They are on the thread, so that this goes on once it is free.
            await connections.close()
            await thread.close()
            isFree.open()
        }
        await isFree.wait(atMost: limit, on: loops.engine.eventLoop)
        if isFree.isOpen { return }
        left.add(
            holder() ?? HeldThread(run: nil, step: nil, isBody: false, since: wallClockMilliseconds()), until: isFree)
    }

    /// Waits for a Redis that can be worked with. `nil` if a shutdown came first.
    private func connect(_ connections: WorkerConnections, _ loops: Loops) async throws -> RedisSession? {
        var pause = Duration.milliseconds(100)
        let isStarting = !hasConnected.load(ordering: .relaxed)
        let trouble = troubles.newSource()
        defer { troubles.forget(trouble) }
        while !shutdown.isOpen {
            do {
                try await WorkerRights.check(
                    connections.commands, keys: keys, queues: configuration.queues, redis: redis)
                let redisSession = try await DataFormat.check(
                    connections.commands, keys: keys, redis: redis, logger: logger, writes: true)
                if redisSession.role != "slave" {
                    hasConnected.store(true, ordering: .relaxed)
                    troubles.over(trouble)
                    return redisSession
                }
                troubles.note(
                    connection: "redis is a replica, which takes no writes; waiting", .replica, at: "\(redis)",
                    by: trouble)
                connections.commands.reconnect()
            } catch {
                switch error.code {
                case .redisDenied, .unsupportedRedis:
                    if isStarting { throw error }
                    if troubles.note(permanent: RedisError(.denied, error.message), by: trouble) { throw error }
                case .redisUnavailable, .redisAmbiguous, .redisRefused:
                    if isStarting, error.isWrongURL { throw error }
                    troubles.note(
                        connection: "redis cannot be reached; waiting", RedisError(.unavailable, error.message),
                        at: "\(redis)", by: trouble, follows: error.code != .redisRefused)
                default: throw error
                }
            }
            await shutdown.wait(atMost: pause, on: loops.engine.eventLoop)
            pause = min(pause * 2, .seconds(2))
        }
        return nil
    }

    /// How long something is waited for that needs a session's thread.
    private func limit(_ isHeld: Bool, _ session: WorkerSession, _ usual: Duration) -> Duration {
        isHeld ? .zero : session.occupancy.isOccupied ? .milliseconds(200) : usual
    }

    /// Releases what a session held, however long that takes until the worker is asked to leave.
    private func leaveBehind(_ session: WorkerSession, _ loops: Loops) async {
        let isDone = Latch()
        Task.detached(executorPreference: loops.engine) { [shutdown] in
            await session.leaveBehind(until: shutdown)
            isDone.open()
        }
        let stop = shutdown.whenOpen {
            _ = loops.engine.eventLoop.scheduleTask(in: .seconds(6)) { isDone.open() }
        }
        await isDone.wait()
        shutdown.forget(stop)
    }

    private func work(
        as session: WorkerSession, _ thread: WorkerThread, _ loops: Loops
    ) async -> WorkerSession.Ending {
        let sources = ClaimSource.all(configuration.queues)
        let claimLoops = sources.compactMap { source in
            session.connections.blocking[source].map { ClaimLoop(session: session, source: source, blocking: $0) }
        }
        let look = ListLook(
            session: session, sources: sources.filter { session.connections.blocking[$0] == nil })
        let (beats, addBeat) = AsyncStream<BeatReply?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let heartbeat = Heartbeat(session: session) { addBeat.yield($0) }
        heartbeat.start()
        let pool = PoolWatcher(session: session, on: loops.engine)
        pool.start()
        let poolNotes = onEngine(loops) { await pool.writeNotes() }
        let claiming = Task.detached(executorPreference: thread.executor) {
            await withDiscardingTaskGroup { group in
                for loop in claimLoops { group.addTask { await loop.run() } }
                group.addTask { await look.run() }
            }
        }
        let claimingEnded = Latch()
        Task.detached(executorPreference: loops.engine) {
            await claiming.value
            claimingEnded.open()
        }
        let upkeep = onEngine(loops) { await Maintenance(session: session, on: loops.engine).run(beats) }
        let jobs = Task.detached(executorPreference: thread.executor) { await session.runJobs() }
        let drain = onEngine(loops) {
            await self.shutdown.wait()
            if Task.isCancelled { return }
            let grace = self.configuration.shutdownGrace
            let begin = ContinuousClock.now
            session.drain()
            look.stop()
            Task.detached(executorPreference: loops.engine) { for loop in claimLoops { await loop.stopWaiting() } }
            // The claims are on the thread that user code can hold: they have a part of the grace.
            await claimingEnded.wait(atMost: max(.seconds(1), min(.seconds(10), grace)), on: loops.engine.eventLoop)
            await session.waitUntilEmpty(atMost: max(.zero, grace - (ContinuousClock.now - begin)), on: loops.engine)
            await session.withdrawWaitingBodies()
            session.end(.leaving)
        }
        session.logger.info(
            "worker started",
            metadata: ["queues": "\(configuration.queues)", "workflows": "\(functions.keys.sorted())"])

        let ending = await session.waitForEnd()
        let holder: HeldThread? =
            if case .threadHeld(let milliseconds) = ending {
                session.holder(since: wallClockMilliseconds() - milliseconds)
            } else { nil }
        let isHeld = holder != nil
        // The heartbeat goes on. Redis may be away: whoever gave up waiting for it would be swept, and everybody would have lost a worker.
        // Before bodies are cancelled: the thread may be free by now, and some are waited for.
        if ending.isHeld { await leaveBehind(session, loops) }
        // A body that ignores its cancellation may go on for as long as it likes; it can no longer write anything. Nor can the code that holds the thread.
        await atMost(limit(isHeld, session, .seconds(1)), on: loops.engine) {
            await session.abandonAll()
            session.closeJobs()
            await jobs.value
        }
        if case .leaving = ending { signal.noteRelease() }
        await atMost(.seconds(6), on: loops.engine) {
            switch ending {
            case .leaving where !session.connections.beatGate.isShut: await session.deregister()
            case .threadHeld, .poolHeld: break
            case .leaving, .declaredDead, .serverChanged, .formatChanged, .historyLost, .permanentError:
                await session.declareSelfDead()
            }
        }
        signal.noteReleased()
        heartbeat.stop()
        pool.stop()
        addBeat.finish()
        drain.cancel()
        look.stop()
        // Code may hold the thread although another reason was the first to end the session.
        await atMost(limit(isHeld, session, .seconds(5)), on: loops.engine) {
            for client in session.connections.blocking.values { await client.close() }
            await claiming.value
            _ = await upkeep.result
            _ = await poolNotes.result
        }
        let level: Logger.Level = if case .permanentError = ending { .error } else { .info }
        session.logger.log(level: level, "worker ended", metadata: ["reason": "\(ending)"])
        await end(session.connections, thread, loops, within: limit(isHeld, session, .seconds(2))) {
            holder ?? (session.occupancy.seize() ? session.holder(since: wallClockMilliseconds()) : nil)
        }
        session.occupancy.forget()
        return ending
    }
}
