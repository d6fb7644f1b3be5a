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
    private let blocking: BlockingThreads

    /// The worker's event loops, each a thread of its own.
    private struct Loops: Sendable {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
        /// Claims, replies, functions and quick bodies: user code can hold it.
        let executor: WorkerExecutor
        /// The heartbeat and its connection, over which the engine calls too.
        let beat: any EventLoop
        /// The session's life, upkeep and their timers. No user code is executed here, nor waited for.
        let engine: WorkerExecutor

        init() {
            executor = WorkerExecutor(group.next())
            beat = group.next()
            engine = WorkerExecutor(group.next())
        }

        /// Ends them; waits at most 2 s, since user code may hold a thread.
        func close() async {
            let isOver = Latch()
            // Before its loop ends, and never cancelled: afterwards neither is possible.
            engine.eventLoop.scheduleTask(in: .seconds(2)) { isOver.open() }
            Task.detached {
                await executor.close()
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
        keys = try Keys(namespace: configuration.namespace ?? StepwiseNamespace.fromEnvironment())
    }

    /// Works until a graceful shutdown or the task's cancellation; then stops claiming, lets running bodies end within
    /// ``Configuration/shutdownGrace``, gives the rest back, and returns. To be called once.
    ///
    /// - Throws: ``StepwiseError`` with code `unsupportedRedis`, `otherDataFormat` or `redisDenied`, before anything was claimed. A Redis that
    ///   cannot be reached is waited for.
    public func run() async throws {
        precondition(!hasRun.exchange(true, ordering: .relaxed), "a StepwiseWorker runs once; make another one")
        let loops = Loops()
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

    /// One life under one name.
    private func live(_ loops: Loops) async throws -> WorkerSession.Ending {
        let name = WorkerName.new()
        let connections = WorkerConnections(
            redis: redis, name: name, queues: configuration.queues, executor: loops.executor, beat: loops.beat,
            logger: logger)
        do {
            guard let redisSession = try await connect(connections, loops) else {
                await connections.close()
                return .leaving
            }
            let session = WorkerSession(
                name: name, keys: keys, configuration: configuration, functions: functions, connections: connections,
                blocking: blocking, observer: observer, logger: logger)
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
                await connections.close()
                return shutdown.isOpen ? .leaving : .serverChanged
            }
            let ending = await work(as: session, loops)
            await atMost(.seconds(2), on: loops.engine) { await connections.close() }
            return ending
        } catch {
            await connections.close()
            throw error
        }
    }

    /// Waits for a Redis that can be worked with. `nil` if a shutdown came first.
    private func connect(_ connections: WorkerConnections, _ loops: Loops) async throws -> RedisSession? {
        var pause = Duration.milliseconds(100)
        while !shutdown.isOpen {
            do {
                try await WorkerRights.check(
                    connections.commands, keys: keys, queues: configuration.queues, redis: redis)
                let redisSession = try await DataFormat.check(
                    connections.commands, keys: keys, redis: redis, logger: logger, writes: true)
                if redisSession.role != "slave" { return redisSession }
                logger.warning("redis is a replica, which takes no writes; waiting", metadata: ["redis": "\(redis)"])
                connections.commands.reconnect()
            } catch {
                guard [.redisUnavailable, .redisAmbiguous, .redisRefused].contains(error.code) else { throw error }
                logger.warning(
                    "redis cannot be reached; waiting", metadata: ["redis": "\(redis)", "error": "\(error)"])
            }
            await shutdown.wait(atMost: pause, on: loops.engine.eventLoop)
            pause = min(pause * 2, .seconds(2))
        }
        return nil
    }

    private func work(as session: WorkerSession, _ loops: Loops) async -> WorkerSession.Ending {
        let claimLoops = ClaimSource.all(configuration.queues).compactMap { source in
            session.connections.blocking[source].map { ClaimLoop(session: session, source: source, blocking: $0) }
        }
        let (beats, addBeat) = AsyncStream<BeatReply?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let heartbeat = Heartbeat(session: session) { addBeat.yield($0) }
        heartbeat.start()
        let pool = PoolWatcher(session: session, on: loops.engine)
        pool.start()
        let poolNotes = onEngine(loops) { await pool.writeNotes() }
        let claiming = Task.detached(executorPreference: loops.executor) {
            await withDiscardingTaskGroup { group in
                for loop in claimLoops { group.addTask { await loop.run() } }
            }
        }
        let claimingEnded = Latch()
        Task.detached(executorPreference: loops.engine) {
            await claiming.value
            claimingEnded.open()
        }
        let upkeep = onEngine(loops) { await Maintenance(session: session, on: loops.engine).run(beats) }
        let jobs = Task.detached(executorPreference: loops.executor) { await session.runJobs() }
        let drain = onEngine(loops) {
            await self.shutdown.wait()
            if Task.isCancelled { return }
            session.drain()
            Task.detached(executorPreference: loops.engine) { for loop in claimLoops { await loop.stopWaiting() } }
            await claimingEnded.wait(atMost: .seconds(10), on: loops.engine.eventLoop)
            await session.waitUntilEmpty(atMost: self.configuration.shutdownGrace, on: loops.engine)
            session.end(.leaving)
        }
        session.logger.info(
            "worker started",
            metadata: ["queues": "\(configuration.queues)", "workflows": "\(functions.keys.sorted())"])

        let ending = await session.waitForEnd()
        // A body that ignores its cancellation may go on for as long as it likes; it can write nothing any more.
        await atMost(.seconds(1), on: loops.engine) {
            await session.abandonAll()
            session.closeJobs()
            await jobs.value
        }
        await atMost(.seconds(6), on: loops.engine) {
            if case .leaving = ending, !session.connections.beatGate.isShut {
                await session.deregister()
            } else {
                await session.declareSelfDead()
            }
        }
        heartbeat.stop()
        pool.stop()
        addBeat.finish()
        drain.cancel()
        await atMost(.seconds(5), on: loops.engine) {
            for client in session.connections.blocking.values { await client.close() }
            await claiming.value
            _ = await upkeep.result
            _ = await poolNotes.result
        }
        session.logger.info("worker ended", metadata: ["reason": "\(ending)"])
        return ending
    }
}
