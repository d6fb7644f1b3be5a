internal import Logging
internal import NIOCore
internal import StepwiseRedis
import Synchronization

/// What a session knows of its comparisons with server processes.
final class ServerComparisons: Sendable {
    private let number = Atomic<Int>(0)
    private let haveLost = Atomic(false)
    private let elsewhere = Mutex<[String: @Sendable () async throws -> Void]>([:])

    /// How many there were since the session began. A call from before the last one is checked once more before it is sent again.
    var count: Int { number.load(ordering: .relaxed) }

    /// Whether a claim was ever given up.
    var hasLost: Bool { haveLost.load(ordering: .relaxed) }

    /// - Parameter hasLost: whether a claim was given up.
    func noteOne(hasLost: Bool) {
        if hasLost { haveLost.store(true, ordering: .relaxed) }
        number.wrappingAdd(1, ordering: .relaxed)
    }

    /// A step has written something of its own before its outcome: a child, an event, who answers. Redis may keep its claim and lose that. So
    /// it is to be written again before a call for this claim is sent to another server process. It happens once by its id.
    func noteElsewhere(_ claim: String, _ again: @escaping @Sendable () async throws -> Void) {
        elsewhere.withLock { $0[claim] = again }
    }

    func forgetElsewhere(_ claim: String) {
        elsewhere.withLock { _ = $0.removeValue(forKey: claim) }
    }

    func writeElsewhereAgain(for claim: String) async throws {
        if let again = elsewhere.withLock({ $0[claim] }) { try await again() }
    }
}

/// Another server process behind the address: Redis was restarted, or another one has taken its place. It may have everything, or have come
/// back without its newest writes. Nothing is sent to it before it was asked what it has: see ``ServerGate``.
///
/// The heartbeat's connection asks, since user code cannot hold its thread. It first asks for the name's entry: if that is there, the beats go
/// on, so the name lives even while user code holds the worker's thread. Then, between two jobs of that thread, it asks for all that is
/// remembered.
extension WorkerSession {
    /// Tells when a server was met that is not admitted.
    func serversApart() -> AsyncStream<Void> {
        let (events, tell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        for gate in [connections.beatGate, connections.gate] { gate.onApart { tell.yield() } }
        return events
    }

    /// From now on the session is for this server. To be called before the name's first call; for a server that does not tell its `run_id`, only
    /// once that has the name, because every connection to such a server is compared.
    func admit(_ server: RedisSession) {
        connections.beatGate.admit(server.runID)
        connections.gate.admit(server.runID)
    }

    /// Compares with each other server, until the name's end.
    func compareServers(_ events: AsyncStream<Void>) async {
        for await _ in events {
            var pause = Duration.milliseconds(20)
            var warning = ""
            let trouble = connections.troubles.newSource()
            defer { connections.troubles.forget(trouble) }
            while !isOver, !Task.isCancelled, connections.beatGate.isShut || connections.gate.isShut {
                do {
                    if try await compareServer() {
                        connections.troubles.over(trouble)
                        break
                    }
                } catch let error as RedisError where error.fault != nil {
                    connections.troubles.note(error, by: trouble)
                } catch {
                    connections.troubles.forget(trouble)
                    // Every call waits for a server that is not there; but somebody has to mend one that refuses.
                    let kind = (error as? RedisError)?.kind
                    let isUsual = kind == .unavailable || kind == .ambiguous || kind == .closed
                    let isNews = !isUsual && warning != "\(error)"
                    logger.log(
                        level: isNews ? .warning : .debug,
                        "redis is another server process than before, and asking what it has failed; it is asked again",
                        metadata: ["error": "\(error)"])
                    warning = "\(error)"
                }
                await Latch().wait(atMost: pause, on: connections.beat.eventLoop)
                pause = min(pause * 2, .seconds(1))
            }
        }
    }

    private static let runsPage = 500

    /// - Returns: whether the session goes on or has ended; `false` if it has to be tried again.
    private func compareServer() async throws -> Bool {
        let (beat, beatGate, gate) = (connections.beat, connections.beatGate, connections.gate)
        if !beatGate.isShut, let other = gate.apart, other.runID.isEmpty || beat.session?.runID != other.runID {
            beat.reconnect()
            // Makes the new connection, or finds that it is apart.
            _ = try? await beat.send(StoreCommand.time)
        }
        if beatGate.isShut {
            guard let server = beatGate.apart else {
                beatGate.reopen()
                return false
            }
            let answer = try await compare([], withClaims: false, passesGate: true)
            // Another connection may have been made since.
            guard beatGate.apart == server else { return false }
            if hasEnded(answer.entry) { return true }
            gate.shut()
            for done in beatGate.admit(server.runID) { try? await done.get() }
        }
        // What the other process has still answered is taken in before.
        for done in gate.shut() { try? await done.get() }
        guard let server = beat.session else { return false }
        let known = await knownRuns()
        var claims: [[UInt8]] = []
        var lacking = known.filter(\.run.isBetweenPages).map(\.driver)
        var hasAllClaims = true
        // Without it a claim may be missing only because its answer was lost.
        var lacksSome = false
        var from = 0
        repeat {
            let page = known[from..<min(from + Self.runsPage, known.count)]
            let isFirst = from == 0
            let answer = try await compare(Array(page), withClaims: isFirst, passesGate: false)
            if hasEnded(answer.entry) { return true }
            claims += answer.claims
            if isFirst { hasAllClaims = answer.hasAllClaims }
            lacksSome = lacksSome || !answer.lacking.isEmpty
            lacking += answer.lacking.filter { $0 < page.count }.map { page[page.startIndex + $0].driver }
            from += max(1, answer.compared)
        } while from < known.count
        guard beat.session == server, !beatGate.isShut else { return false }
        let (unknown, lost) = await takeIn(claims, areAll: hasAllClaims, lacking)
        let what: Logger.Message =
            lacksSome
            ? "redis has come back without some of its last writes; the runs that are left go on from what it has"
            : "redis is another server process than before and knows this worker; work goes on"
        logger.log(
            level: lacksSome ? .warning : .notice, what,
            metadata: [
                "runs": "\(known.count)", "lacking": "\(lacking.count)", "claims": "\(claims.count)", "lost": "\(lost)",
                "unknown": "\(unknown.count)",
            ])
        gate.admit(server.runID)
        // At once: there is no reply on its way that could tell of them.
        for item in unknown { takeUp(item) }
        return true
    }

    /// - Returns: whether the name is done for.
    private func hasEnded(_ entry: ComparedEntry) -> Bool {
        switch entry {
        case .alive: return false
        case .dead: end(.declaredDead)
        case .gone: end(.serverChanged)
        }
        return true
    }

    /// Not ``evaluate(_:)``, which waits until the server is admitted.
    private func compare(
        _ page: [(driver: RunDriver, run: KnownRun)], withClaims: Bool, passesGate: Bool
    ) async throws -> CompareReply {
        let call = ScriptCall.compare(
            keys, name, queues: withClaims ? configuration.queues : [],
            page.map { (run: $0.driver.run, known: $0.run) })
        return try call.reply(
            try await connections.beat.evaluate(
                call.script.redis, keys: call.keys, arguments: call.arguments, passesGate: passesGate))
    }

    /// What is known of each run in memory, once all answers that have come are taken in.
    private func knownRuns() async -> [(driver: RunDriver, run: KnownRun)] {
        let actors = connections.executor.actors
        // The thread's jobs have one queue, and an answer passes through it a few times until it is where it is noted.
        for _ in 0..<8 {
            await withCheckedContinuation { continuation in actors.execute { continuation.resume() } }
        }
        return await withCheckedContinuation { continuation in
            actors.execute { [self] in
                continuation.resume(
                    returning: allDrivers.compactMap { driver -> (driver: RunDriver, run: KnownRun)? in
                        driver.assumeIsolated { $0.knownRun }.map { (driver: driver, run: $0) }
                    })
            }
        }
    }

    /// Gives up what the server lacks, and leaves the rest as it is.
    ///
    /// - Returns: claims that nobody here works for, and how many were given up.
    private func takeIn(_ claims: [[UInt8]], areAll: Bool, _ lacking: [RunDriver]) async -> (
        unknown: [[UInt8]], lost: Int
    ) {
        await withCheckedContinuation { continuation in
            connections.executor.actors.execute { [self] in
                var runs: Set<String> = []
                for driver in lacking {
                    runs.insert(driver.run.key)
                    driver.assumeIsolated { $0.giveUp() }
                }
                let (unknown, lost) = ledger.reconcile(with: claims, isWhole: areAll) {
                    WorkItem(String(decoding: $0, as: UTF8.self))?.runKey.map(runs.contains) ?? false
                }
                comparisons.noteOne(hasLost: !lost.isEmpty)
                for item in lost {
                    guard let workItem = WorkItem(String(decoding: item, as: UTF8.self)), let key = workItem.runKey
                    else { continue }
                    driver(of: key)?.assumeIsolated { $0.lose(workItem) }
                }
                for driver in allDrivers { driver.assumeIsolated { $0.markAttemptsAgain() } }
                continuation.resume(returning: (unknown, lost.count))
            }
        }
    }
}

extension WorkItem {
    /// See ``RunStore/Run/key``; `nil` for what has no instance: a message, or the end of a run.
    fileprivate var runKey: String? {
        switch self {
        case .turn(let id, let generation), .step(let id, let generation, _, _): RunStore.Run.key(id, generation)
        case .end, .ended, .cancel, .broadcast, .withdraw: nil
        }
    }
}
