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
        self.logger = logger
        keys = try Keys(namespace: configuration.namespace ?? StepwiseNamespace.fromEnvironment())
    }

    /// Works until a graceful shutdown or the task's cancellation; then stops claiming, lets running bodies end within
    /// ``Configuration/shutdownGrace``, gives the rest back, and returns. To be called once.
    ///
    /// - Throws: ``StepwiseError`` with code `unsupportedRedis`, `otherDataFormat` or `redisDenied`, before anything was claimed. A Redis that
    ///   cannot be reached is waited for.
    public func run() async throws {
        precondition(!hasRun.exchange(true, ordering: .relaxed), "a StepwiseWorker runs once; make another one")
        // Unstructured, so that releasing is not itself cancelled.
        let work = Task.detached { try await self.work() }
        try await withGracefulShutdownHandler {
            try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                shutdown.open()
            }
        } onGracefulShutdown: {
            self.shutdown.open()
        }
    }

    private func work() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let loops = (executor: WorkerExecutor(group.next()), beat: group.next())
        var result: Result<Void, any Error> = .success(())
        do {
            while !shutdown.isOpen {
                let ending = try await live(loops.executor, loops.beat)
                if case .leaving = ending { break }
                logger.warning(
                    "the worker begins anew under another name", metadata: ["reason": "\(ending)"])
            }
        } catch {
            result = .failure(error)
        }
        await atMost(.seconds(2)) {
            await loops.executor.close()
            try? await group.shutdownGracefully()
        }
        await observer?.end()
        try result.get()
    }

    /// One life under one name.
    private func live(_ executor: WorkerExecutor, _ beat: any EventLoop) async throws -> WorkerSession.Ending {
        let name = WorkerName.new()
        let connections = WorkerConnections(
            redis: redis, name: name, queues: configuration.queues, executor: executor, beat: beat, logger: logger)
        do {
            guard let redisSession = try await connect(connections) else {
                await connections.close()
                return .leaving
            }
            let session = WorkerSession(
                name: name, keys: keys, configuration: configuration, functions: functions, connections: connections,
                observer: observer, logger: logger)
            watch(connections, redisSession, session)
            let stop = Task.detached {
                await self.shutdown.wait()
                if !Task.isCancelled { session.end(.leaving) }
            }
            do {
                try await session.register(functions.keys.sorted())
                try await session.askForPaused()
                try await session.declare(schedules)
            } catch is SessionEnded {
                // Redis went away or was another one in between, or a shutdown came first.
                stop.cancel()
                await connections.close()
                return shutdown.isOpen ? .leaving : .serverChanged
            }
            stop.cancel()
            let ending = await work(as: session)
            await atMost(.seconds(2)) { await connections.close() }
            return ending
        } catch {
            await connections.close()
            throw error
        }
    }

    /// Waits for a Redis that can be worked with. `nil` if a shutdown came first.
    private func connect(_ connections: WorkerConnections) async throws -> RedisSession? {
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
            await shutdown.wait(atMost: pause)
            pause = min(pause * 2, .seconds(2))
        }
        return nil
    }

    /// Another process behind the address, or a replica, means that what this name holds may be gone.
    private func watch(_ connections: WorkerConnections, _ redisSession: RedisSession, _ session: WorkerSession) {
        for client in [connections.commands, connections.beat] + connections.blocking.values {
            client.onConnect { [weak session] now in
                if now.runID != redisSession.runID || now.role == "slave" { session?.end(.serverChanged) }
            }
        }
    }

    private func work(as session: WorkerSession) async -> WorkerSession.Ending {
        let loops = ClaimSource.all(configuration.queues).compactMap { source in
            session.connections.blocking[source].map { ClaimLoop(session: session, source: source, blocking: $0) }
        }
        let (beats, addBeat) = AsyncStream<BeatReply?>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let heartbeat = Heartbeat(session: session) { addBeat.yield($0) }
        heartbeat.start()
        let executor = session.connections.executor
        let claiming = Task.detached(executorPreference: executor) {
            await withDiscardingTaskGroup { group in
                for loop in loops { group.addTask { await loop.run() } }
            }
        }
        let claimingEnded = Latch()
        Task.detached {
            await claiming.value
            claimingEnded.open()
        }
        let upkeep = Task.detached { await Maintenance(session: session).run(beats) }
        let jobs = Task.detached(executorPreference: executor) { await session.runJobs() }
        let drain = Task.detached {
            await self.shutdown.wait()
            if Task.isCancelled { return }
            session.drain()
            Task.detached { for loop in loops { await loop.stopWaiting() } }
            await claimingEnded.wait(atMost: .seconds(10))
            await session.waitUntilEmpty(atMost: self.configuration.shutdownGrace)
            session.end(.leaving)
        }
        session.logger.info(
            "worker started",
            metadata: ["queues": "\(configuration.queues)", "workflows": "\(functions.keys.sorted())"])

        let ending = await session.waitForEnd()
        await atMost(.seconds(2)) { await session.abandonAll() }
        session.closeJobs()
        // A body that ignores its cancellation may go on for as long as it likes; it can write nothing any more.
        await atMost(.seconds(2)) { await jobs.value }
        await atMost(.seconds(6)) {
            if case .leaving = ending { await session.deregister() } else { await session.declareSelfDead() }
        }
        heartbeat.stop()
        addBeat.finish()
        drain.cancel()
        await atMost(.seconds(5)) {
            for client in session.connections.blocking.values { await client.close() }
            await claiming.value
            await upkeep.value
        }
        session.logger.info("worker ended", metadata: ["reason": "\(ending)"])
        return ending
    }
}
