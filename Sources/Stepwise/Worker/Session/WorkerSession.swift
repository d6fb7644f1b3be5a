import Logging
import NIOCore
internal import StepwiseRedis
import Synchronization

/// The worker's name is done for: it was declared dead, Redis has lost it, or the worker leaves. Nothing may be written under it. Or the
/// claim that a call was for is done for: then nothing may be written for that claim.
struct SessionEnded: Error {}

/// How much a run's instance takes of a worker's memory.
struct InstanceWeight: Sendable {
    /// The function and the steps that it waits for. A KiB of its input, which may be a stranger's, counts as one. 0: there is no instance.
    var steps = 0
    /// Of the outcomes that it has had.
    var bytes = 0
}

/// One life of a worker under one name: from its registration to its death or its leave.
///
/// A worker that was taken for dead, or that meets a Redis which does not know its name, begins a new one; what the old one held is swept (rule 4).
final class WorkerSession: Sendable {
    enum Ending: Sendable, Hashable, CustomStringConvertible {
        case leaving
        case declaredDead
        /// Redis does not know the name: it came back without its newest writes, or is another one.
        case serverChanged
        /// The namespace was given another data format.
        case formatChanged
        /// User code has held the worker's thread for too long.
        case threadHeld(milliseconds: Int)
        /// Threads for bodies were held for too long, by such bodies or by other code: the process ends.
        ///
        /// - Parameter bodies: some that have begun and not returned.
        case poolHeld(milliseconds: Int, by: String, bodies: String)
        /// Redis knows less of this run than this worker: it lost writes.
        case historyLost(String)
        /// Redis has refused what only a person can mend, for as long as the settings allow.
        case permanentError(StepwiseError)

        var description: String {
            switch self {
            case .leaving: "the worker leaves"
            case .declaredDead: "the name was declared dead"
            case .serverChanged: "redis does not know the name"
            case .formatChanged: "the namespace has another data format"
            case .threadHeld(let milliseconds): "user code has held the worker's thread for \(milliseconds) ms"
            case .poolHeld(let milliseconds, let holder, _): "for \(milliseconds) ms, \(holder)"
            case .permanentError(let error): "\(error)"
            case .historyLost(let run): "redis knows less of run \(run) than the worker"
            }
        }

        /// Whether user code holds threads, and everything else is to go on as if nothing had happened.
        var isHeld: Bool {
            switch self {
            case .threadHeld, .poolHeld: true
            case .leaving, .declaredDead, .serverChanged, .formatChanged, .historyLost, .permanentError: false
            }
        }
    }

    private struct Entry {
        var driver: RunDriver
        var uses = 0
        var lastUse: UInt64 = 0
        var weight = 0
        /// While nobody uses it: the bytes of its outcomes.
        var restingBytes = 0
        var isDormant = false
    }

    private struct State {
        var ending: Ending?
        var isDraining = false
        /// By run and generation.
        var drivers: [String: Entry] = [:]
        var weight = 0
        /// The bytes of the outcomes of all instances that nobody uses. Those in use, at most as many as there are slots, cannot be given up.
        var restingBytes = 0
        /// How many instances there are that wait for nothing but time, events and children.
        var dormant = 0
        var clock: UInt64 = 0
        var takingUp: Set<[UInt8]> = []
        var reclaiming: Set<Reclaimed> = []
        /// Where the walk over a workflow's unfit runs stands.
        var unfitCursors: [String: String] = [:]
        var warnedOfEscape: Set<String> = []
        var linesOfUnserved = LogBudget(knowing: 1000)
        var linesOfParked = LogBudget()
        var linesOfCrowded = LogBudget()
        var endWaiters: [CheckedContinuation<Ending, Never>] = []
        var indexedLabels: [String] = []
        var paused: Set<String> = []
        /// Who waits until something else is paused, or this name ends.
        var pauseWaiters: [CheckedContinuation<Void, Never>] = []

        /// - Returns: another driver of the run, whose place this one takes. If nobody uses it, its instance is to be given up.
        @discardableResult
        mutating func noteUse(of driver: RunDriver) -> RunDriver? {
            let key = driver.run.key
            clock += 1
            var entry = drivers[key] ?? Entry(driver: driver)
            endRest(&entry)
            var other: RunDriver?
            if entry.driver !== driver {
                if entry.uses == 0 { other = entry.driver }
                weight -= entry.weight
                entry = Entry(driver: driver)
            }
            entry.uses += 1
            entry.lastUse = clock
            drivers[key] = entry
            return other
        }

        private mutating func endRest(_ entry: inout Entry) {
            if entry.isDormant { dormant -= 1 }
            restingBytes -= entry.restingBytes
            (entry.isDormant, entry.restingBytes) = (false, 0)
        }

        /// - Returns: the drivers whose instances are to be given up: nobody uses them, and they are out of the index.
        mutating func endUse(
            of run: RunStore.Run, _ driver: RunDriver, weight now: InstanceWeight, isDormant: Bool, limit: Int,
            byteLimit: Int
        ) -> [RunDriver] {
            let key = run.key
            guard var entry = drivers[key], entry.driver === driver else { return [driver] }
            entry.uses -= 1
            weight += now.steps - entry.weight
            entry.weight = now.steps
            if entry.uses == 0 {
                (entry.isDormant, entry.restingBytes) = (isDormant, now.bytes)
                if isDormant { dormant += 1 }
                restingBytes += now.bytes
            }
            drivers[key] = entry
            var dropped: [RunDriver] = []
            if entry.uses == 0, now.steps == 0 { drivers[key] = nil }
            // The oldest tenth at once, so that the search for them does not come with each work item.
            if weight > limit {
                let idle = drivers.filter { $0.value.uses == 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
                for (key, _) in idle where weight > limit - limit / 10 { dropped += drop(key) }
            }
            if restingBytes > byteLimit {
                let heavy = drivers.filter { $0.value.restingBytes > 0 }.sorted { $0.value.lastUse < $1.value.lastUse }
                for (key, _) in heavy where restingBytes > byteLimit - byteLimit / 10 { dropped += drop(key) }
            }
            // What sleeps is to cost nothing but Redis' memory, however much of it there is.
            let mostDormant = min(limit, Self.mostDormant)
            if dormant > mostDormant {
                let asleep = drivers.filter(\.value.isDormant).sorted { $0.value.lastUse < $1.value.lastUse }
                for (key, _) in asleep where dormant > mostDormant / 2 { dropped += drop(key) }
            }
            return dropped
        }

        private static let mostDormant = 1000

        mutating func drop(_ key: String) -> [RunDriver] {
            guard var entry = drivers.removeValue(forKey: key) else { return [] }
            weight -= entry.weight
            endRest(&entry)
            return [entry.driver]
        }
    }

    let name: String
    let keys: Keys
    let configuration: StepwiseWorker.Configuration
    let functions: [String: WorkflowFunction]
    let logger: Logger
    let connections: WorkerConnections
    let slots: Slots
    private let paces = Mutex<[String: BodyPaces]>([:])
    let observer: ObserverFeed?

    private let state = Mutex(State())
    private let tokens = Atomic<UInt64>(0)
    private let tokenPrefix: String
    private let jobs: AsyncStream<@Sendable () async -> Void>
    private let addJob: AsyncStream<@Sendable () async -> Void>.Continuation
    private let ledgerBox = Mutex<ClaimLedger?>(nil)
    /// The pushed items that are handled here. Not among the work items: a pushed text may read like one.
    private let pushedLedger = ClaimLedger { _ in }
    /// Which lines on refused items are logged, by queue.
    private let hasClaimed = Atomic(false)
    private let sortedNames: [String]
    private let blocking: BlockingThreads
    private let load: PoolLoad
    private let watched = (occupancy: Occupancy(), bodies: BodyRegister(), comparisons: ServerComparisons())
    private let leftThreads: LeftThreads
    private let counter: WorkCounter

    init(
        name: String, keys: Keys, configuration: StepwiseWorker.Configuration, functions: [String: WorkflowFunction],
        connections: WorkerConnections, blocking: BlockingThreads, pool: PoolBodies, left: LeftThreads,
        counts: WorkCounter, observer: ObserverFeed?, logger: Logger
    ) {
        self.name = name
        tokenPrefix = name + "/"
        self.keys = keys
        self.configuration = configuration
        self.functions = functions
        sortedNames = functions.keys.sorted()
        self.connections = connections
        self.blocking = blocking
        load = PoolLoad(pool, of: name)
        leftThreads = left
        counter = counts
        self.observer = observer
        var logger = logger
        logger[metadataKey: "worker"] = "\(name)"
        self.logger = logger
        slots = Slots(configuration.concurrency)
        (jobs, addJob) = AsyncStream.makeStream()
    }

    // MARK: Its thread

    /// Whose code the thread executes.
    var occupancy: Occupancy { watched.occupancy }
    /// What bodies have returned while somebody else had the thread.
    var bodies: BodyRegister { watched.bodies }

    var comparisons: ServerComparisons { watched.comparisons }
    /// The threads of sessions before this one that user code holds.
    var left: LeftThreads { leftThreads }
    /// What the worker has done, in sessions before this one too.
    var counts: WorkCounter { counter }

    // MARK: Its end

    var isOver: Bool { state.withLock { $0.ending != nil } }

    /// For whom the current task calls Redis.
    enum Caller {
        /// For a run, over a connection of the worker's own thread, which user code can hold.
        case run
        /// For the engine, over the heartbeat's connection.
        case engine
        /// For the engine: the last calls of a name that has ended.
        case closing

        @TaskLocal static var current = Caller.run
    }

    var isLeaving: Bool { state.withLock { $0.isDraining || $0.ending != nil } }
    /// Whether nothing new is begun here: the worker leaves, or one work item is executed alone.
    var isDraining: Bool { slots.isPaused || isLeaving }

    /// Nothing new is claimed or begun from now on.
    func drain() {
        state.withLock { $0.isDraining = true }
        slots.stop()
        endPauseWaits()
    }

    /// Ends the name. The first reason counts.
    func end(_ ending: Ending) {
        let waiters: [CheckedContinuation<Ending, Never>] = state.withLock { state in
            guard state.ending == nil else { return [] }
            state.ending = ending
            defer { state.endWaiters = [] }
            return state.endWaiters
        }
        for waiter in waiters { waiter.resume(returning: ending) }
        connections.gate.letGo()
        connections.beatGate.letGo()
        slots.stop()
        endPauseWaits()
    }

    func waitForEnd() async -> Ending {
        await withCheckedContinuation { continuation in
            let ending = state.withLock { state in
                if state.ending == nil { state.endWaiters.append(continuation) }
                return state.ending
            }
            if let ending { continuation.resume(returning: ending) }
        }
    }

    /// The labels that have an index, as `meta` said at the last beat.
    var indexedLabels: [String] {
        get { state.withLock { $0.indexedLabels } }
        set { state.withLock { $0.indexedLabels = newValue } }
    }

    // MARK: What is paused

    var paused: Set<String> { state.withLock { $0.paused } }

    /// - Returns: what was paused before.
    func exchangePaused(_ now: Set<String>) -> Set<String> {
        let (before, waiters) = state.withLock { state in
            defer { if now != state.paused { (state.paused, state.pauseWaiters) = (now, []) } }
            return (state.paused, now == state.paused ? [] : state.pauseWaiters)
        }
        for waiter in waiters { waiter.resume() }
        return before
    }

    /// Waits while a queue is paused; not past the worker's draining.
    func waitWhilePaused(queue: String) async {
        while true {
            await withCheckedContinuation { continuation in
                let isFree = state.withLock { state in
                    let isFree = state.isDraining || state.ending != nil || !state.paused.contains("queue:\(queue)")
                    if !isFree { state.pauseWaiters.append(continuation) }
                    return isFree
                }
                if isFree { continuation.resume() }
            }
            if isLeaving || !isPaused(queue: queue) { return }
        }
    }

    private func endPauseWaits() {
        let waiters = state.withLock { state in
            defer { state.pauseWaiters = [] }
            return state.pauseWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Jobs

    /// Where a step's body is executed; `nil`: on Swift's pool.
    func threads(for options: StepOptions) -> BlockingBody? {
        options.isBlocking ? BlockingBody(on: blocking, of: name) : nil
    }

    /// What of its bodies is with Swift's pool.
    var poolLoad: PoolLoad { load }
    /// The threads of the others.
    var blockingThreads: BlockingThreads { blocking }

    /// Executes a job in the worker's own task group.
    func spawn(_ job: @escaping @Sendable () async -> Void) {
        addJob.yield(job)
    }

    func runJobs() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs { group.addTask { await job() } }
        }
    }

    func closeJobs() {
        addJob.finish()
    }

    // MARK: Claims

    var ledger: ClaimLedger {
        ledgerBox.withLock { ledger in
            if let ledger { return ledger }
            let new = ClaimLedger { [weak self] item in self?.takeUp(ListedClaim.listed(item)) }
            ledger = new
            return new
        }
    }

    /// Handles a claimed item. Its slot is taken already and is released at the end.
    func accept(_ item: [UInt8], from queue: String) {
        let text = String(validating: item, as: UTF8.self)
        let workItem = text.flatMap { WorkItem($0) }
        guard let claim = ledger.begin(item, isCounted: workItem == nil) else {
            slots.release()
            return
        }
        if case .step(let id, let generation, attempt: 1, let step)? = workItem, let text,
            let driver = beginUse(of: RunStore.Run.key(id, generation))
        {
            let part = RunDriver.QuickStep(text: text, step: step, claim: claim)
            return connections.executor.actors.execute { driver.assumeIsolated { $0.take(part) } }
        }
        if case .turn(let id, let generation)? = workItem, let text, let first = FirstTurn(text) {
            let driver = beginUse(id, generation, queue)
            return connections.executor.actors.execute { driver.assumeIsolated { $0.take(text, first, claim) } }
        }
        handle(item, text, workItem, from: queue, claim)
    }

    /// Handles a claim, which has a slot, in a task of its own.
    func handle(
        _ item: [UInt8], _ text: String?, _ workItem: WorkItem?, from queue: String, _ claim: Claim
    ) {
        spawn {
            defer {
                claim.end()
                self.slots.release()
            }
            switch workItem {
            case .turn(let id, let generation)?, .step(let id, let generation, _, _)?:
                guard let text, let workItem else { return }
                await self.with(id, generation, queue) { await $0.handle(text, workItem, claim) }
            case .ended?, .cancel?, .broadcast?, .withdraw?:
                guard let text, let workItem else { return }
                await self.guarding { try await self.deliver(text, workItem, from: queue) }
            case .end(let id, let generation)?:
                await self.writeEnd(of: RunStore.Run(id: id, generation: generation, queue: queue, keys: self.keys))
            case nil:
                await self.guarding {
                    try await self.store.reject(
                        ClaimedItem(item), from: .queue(queue),
                        reason: PushedItem.reason(againstQueued: item, queue: queue))
                }
            }
        }
    }

    /// How many pushed items are handled here.
    var pushedCount: Int { pushedLedger.count }

    /// Waits until nothing is held.
    func waitUntilEmpty() async {
        await pushedLedger.waitUntilEmpty()
        await ledger.waitUntilEmpty()
    }

    /// Handles a claimed pushed item. Its slot is taken already and is released at the end.
    func acceptPushed(_ item: [UInt8], from queue: String) {
        guard let claim = pushedLedger.begin(item, isCounted: true) else { return slots.release() }
        spawn {
            defer {
                claim.end()
                self.slots.release()
            }
            await self.start(item, from: queue, claim)
        }
    }

    /// Rejects a claimed item of which only the beginning was read. Needs no slot.
    ///
    /// - Parameter newer: how many items were claimed from there since, and are still held.
    func rejectLong(_ item: ClaimedItem, from source: ClaimSource, newer: Int) async {
        await guarding {
            try await self.store.reject(
                item, from: source,
                reason: PushedItem.reason(againstLength: item.length, limit: self.configuration.maximumPayloadSize),
                newer: newer)
        }
    }

    /// Takes up an item that is in a claim list and that nobody here works on; releases it if there is no slot for it.
    ///
    /// - Parameter listed: as the beat lists it.
    /// - Returns: `false` if that is under way already.
    @discardableResult
    func takeUp(_ listed: [UInt8]) -> Bool {
        guard state.withLock({ $0.takingUp.insert(listed).inserted }) else { return false }
        spawn {
            defer { self.state.withLock { _ = $0.takingUp.remove(listed) } }
            let hasSlot = self.slots.take(upTo: 1) == 1
            // Of several queues only one list has it.
            guard let claim = try? await self.findClaim(listed) else {
                if hasSlot { self.slots.releaseUnused() }
                return
            }
            if hasSlot {
                self.accept(claim.item, from: claim.queue)
            } else {
                try? await self.release(claim.item, to: .queue(claim.queue))
            }
        }
        return true
    }

    func beginReclaiming(_ list: Reclaimed) -> Bool {
        state.withLock { $0.reclaiming.insert(list).inserted }
    }

    var unfitCursors: [String: String] {
        get { state.withLock { $0.unfitCursors } }
        set { state.withLock { $0.unfitCursors = newValue } }
    }

    func endReclaiming(_ list: Reclaimed) {
        state.withLock { _ = $0.reclaiming.remove(list) }
    }

    private func start(_ item: [UInt8], from queue: String, _ claim: Claim) async {
        await guarding {
            let pushed: PushedItem
            do throws(PushedItem.Problem) {
                pushed = try PushedItem(item, maximumPayloadSize: self.configuration.maximumPayloadSize)
            } catch {
                return try await self.store.reject(ClaimedItem(item), from: .inbox(queue), reason: error.reason)
            }
            let order: PushedStart
            switch pushed {
            case .event(let event): return try await self.send(event, item, from: queue, claim)
            case .start(let start): order = start
            }
            if let reason = try await self.reasonAgainstStart(of: order) {
                return try await self.store.reject(ClaimedItem(item), from: .inbox(queue), reason: reason)
            }
            let reply = try await self.store.acceptPushed(
                order, orNewID: self.newRunID(), item: item, queue: queue, token: self.nextToken(),
                mostWaiting: self.mostWaiting(for: order), indexed: self.indexedLabels)
            if case .crowded(let share) = reply {
                try await self.store.reject(
                    ClaimedItem(item), from: .inbox(queue), reason: self.reasonAgainstWaiting(in: queue, share))
                self.noteCrowded(queue, .runs, share)
            }
            if case .other(let workflow) = reply {
                try await self.store.reject(
                    ClaimedItem(item), from: .inbox(queue),
                    reason:
                        "run id \(order.id ?? "") belongs to a run of workflow \"\(workflow)\", not \"\(order.workflow)\": choose another id"
                )
            }
            guard case .started(let run) = reply else { return }
            let about = RunAbout(
                workflow: order.workflow, queue: queue, payload: order.payload,
                created: Generation.created(Generation.number(of: run.generation)))
            guard let turn = self.ledger.begin(Array(run.turnText.utf8)) else { return }
            claim.end()
            await self.with(run.id, run.generation, run.queue) { await $0.begin(about, turn) }
            turn.end()
        }
    }

    func guarding(_ body: @Sendable () async throws -> Void) async {
        do { try await body() } catch is SessionEnded {} catch {
            logger.error("a claimed item could not be handled", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Runs

    private func with(
        _ id: String, _ generation: String, _ queue: String, _ body: (RunDriver) async -> Void
    ) async {
        let driver = beginUse(id, generation, queue)
        await body(driver)
        await endUse(driver)
    }

    /// The driver that is there, which is not given up until ``endUse(_:)``.
    private func beginUse(of key: String) -> RunDriver? {
        state.withLock { state in
            guard let driver = state.drivers[key]?.driver else { return nil }
            state.noteUse(of: driver)
            return driver
        }
    }

    /// The run's driver, which is not given up until ``endUse(_:)``.
    private func beginUse(_ id: String, _ generation: String, _ queue: String) -> RunDriver {
        let key = RunStore.Run.key(id, generation)
        return state.withLock { state in
            let driver =
                state.drivers[key]?.driver
                ?? RunDriver(
                    session: self, run: RunStore.Run(id: id, generation: generation, queue: queue, keys: keys))
            state.noteUse(of: driver)
            return driver
        }
    }

    /// Keeps a driver and its instance from being given up until ``endUse(_:)``.
    func use(_ driver: RunDriver) {
        if let other = state.withLock({ $0.noteUse(of: driver) }) { evict(other) }
    }

    private func evict(_ driver: RunDriver) {
        driver.executor.execute { driver.assumeIsolated { $0.evict() } }
    }

    /// Notes what the run's instance takes now, and gives up instances that were used longest ago while there is too much.
    func endUse(_ driver: isolated RunDriver) {
        let dropped = state.withLock {
            $0.endUse(
                of: driver.run, driver, weight: driver.weight, isDormant: driver.isDormant,
                limit: configuration.cachedStepLimit, byteLimit: configuration.cachedByteLimit)
        }
        for other in dropped {
            if other === driver { driver.evict() } else { evict(other) }
        }
    }

    /// The run is over here.
    func forget(_ driver: RunDriver) {
        state.withLock { state in
            guard state.drivers[driver.run.key]?.driver === driver else { return }
            _ = state.drop(driver.run.key)
        }
    }

    /// The runs in memory that nobody uses, by their keys.
    ///
    /// - Parameter use: none was used after this one.
    /// - Returns: and the last use of any run.
    func restingRuns(usedUpTo use: UInt64) -> (keys: [String], lastUse: UInt64) {
        state.withLock { state in
            var keys: [String] = []
            for (key, entry) in state.drivers where entry.uses == 0 && entry.lastUse <= use { keys.append(key) }
            return (keys, state.clock)
        }
    }

    /// Those of some runs that are still in memory and that nobody uses.
    func resting(_ keys: ArraySlice<String>) -> [RunStore.Run] {
        state.withLock { state in
            var runs: [RunStore.Run] = []
            for key in keys {
                if let entry = state.drivers[key], entry.uses == 0 { runs.append(entry.driver.run) }
            }
            return runs
        }
    }

    /// Others have ended these runs: their instances are given up, if nobody has begun to use them.
    func giveUp(_ runs: [RunStore.Run]) {
        let drivers: [RunDriver] = state.withLock { state in
            var drivers: [RunDriver] = []
            for run in runs where state.drivers[run.key]?.uses == 0 { drivers += state.drop(run.key) }
            return drivers
        }
        for driver in drivers { evict(driver) }
    }

    /// The driver with this ``RunDriver/number``, if it is still here.
    func driver(numbered number: UInt) -> RunDriver? {
        state.withLock { $0.drivers.values.first { $0.driver.number == number }?.driver }
    }

    func driver(of key: String) -> RunDriver? { state.withLock { $0.drivers[key]?.driver } }
    var allDrivers: [RunDriver] { state.withLock { $0.drivers.values.map(\.driver) } }

    func abandonAll() async {
        let drivers = state.withLock { state in
            defer { state.drivers = [:] }
            return state.drivers.values.map(\.driver)
        }
        for driver in drivers { await driver.abandonAll() }
    }

    func warnOfEscape(workflow: String, run: String, lastStep: String?) {
        guard state.withLock({ $0.warnedOfEscape.insert(workflow).inserted }) else { return }
        logger.warning(
            "a workflow's function awaits something that is not a step (Task.sleep, the main actor, a shared actor); its replay may differ",
            metadata: ["workflow": "\(workflow)", "run": "\(run)", "step": "\(lastStep ?? "")"])
    }

    /// Once a workflow and reason: there may be thousands of its work items.
    func noteUnserved(workflow: String, run: String, reason: String) {
        guard state.withLock({ $0.linesOfUnserved.note(workflow: workflow, reason: reason) }) else { return }
        logger.notice(
            "claimed work items wait for a worker that can do them",
            metadata: ["run": "\(run)", "workflow": "\(workflow)", "reason": "\(reason)"])
    }

    /// A reason may quote what others pushed, and there may be thousands of them.
    func noteParked(workflow: String, run: String, reason: String) {
        guard state.withLock({ $0.linesOfParked.note(workflow: workflow, reason: reason) }) else { return }
        logger.warning(
            "a run was parked", metadata: ["run": "\(run)", "workflow": "\(workflow)", "reason": "\(reason)"])
    }

    /// - Returns: whether a line about refused items of a queue is to be logged: once a minute for a kind of them.
    func isNews(crowded queue: String, _ kind: String) -> Bool {
        state.withLock { $0.linesOfCrowded.note(workflow: queue, reason: kind) }
    }

    /// How many such lines were not logged since the last call, by queue.
    func takeUnloggedCrowded() -> [(queue: String, count: Int)] {
        state.withLock { $0.linesOfCrowded.takeUnlogged() }.map { (queue: $0, count: $1) }
    }

    /// Logs how many lines were not logged since the last call.
    func countUnloggedLines() {
        let parked = state.withLock { $0.linesOfParked.takeUnlogged() }
        let unserved = state.withLock { $0.linesOfUnserved.takeUnlogged() }
        countCrowded()
        for (workflow, count) in parked {
            logger.warning(
                "more runs were parked, see \(keys.command("runs --status parked"))",
                metadata: ["workflow": "\(workflow)", "count": "\(count)"])
        }
        for (workflow, count) in unserved {
            logger.notice(
                "work items of more workflows wait for a worker that can do them, see \(keys.command("queues"))",
                metadata: ["workflow": "\(workflow)", "count": "\(count)"])
        }
    }

    /// The name of a call that writes: the worker and a number. Stored with what it wrote, so that a second sending is known.
    func nextToken() -> String {
        tokenPrefix + String(tokens.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    // MARK: Notes for the beat

    /// What is known of the bodies of a workflow's steps.
    func paces(of workflow: String) -> BodyPaces {
        paces.withLock { paces in
            if let known = paces[workflow] { return known }
            let new = BodyPaces(quick: configuration.quickBody)
            paces[workflow] = new
            return new
        }
    }

    var workflowNames: [String] { sortedNames }

    func noteClaim() { hasClaimed.store(true, ordering: .relaxed) }
    func takeClaimNote() -> Bool { hasClaimed.exchange(false, ordering: .relaxed) }
}
