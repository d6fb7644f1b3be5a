import Logging

/// Sees to it that nothing waits forever. Scripts bound how many pushed items may wait when these come in (`mostPushedWaiting`). Here what is too
/// old is removed, and so are entries of runs that no longer wait, which would keep others out.
actor WaitingBounds {
    nonisolated var unownedExecutor: UnownedSerialExecutor { engine.actors.asUnownedSerialExecutor() }

    private let engine: WorkerExecutor
    private let session: WorkerSession
    /// How many of a list's oldest entries were looked at and stay: the next look goes on behind them.
    private var lookedAt: [String: Int] = [:]

    init(session: WorkerSession, on engine: WorkerExecutor) {
        self.session = session
        self.engine = engine
    }

    /// A list of what waits.
    enum Waiting: Sendable {
        /// Pushed runs of a queue that never began.
        case runs(queue: String)
        /// Runs that were sent events and do not exist.
        case events(String)

        func list(_ keys: Keys) -> String {
            switch self {
            case .runs(let queue): keys.waitingPushed(queue)
            case .events(let list): list
            }
        }
    }

    /// - Returns: after how long to look again: soon if a list is long, since its entries keep others out.
    func keep() async throws -> Duration {
        let keys = session.keys
        try await trimMalformed()
        var pause = Duration.seconds(60)
        let lists = try await session.command(.pushedQueues(keys)).flatMap { queue in
            [Waiting.runs(queue: queue), .events(keys.expectedPushed(queue))]
        }
        // Most are empty, and there may be 2,000.
        let counts = try await session.commands(lists.map { StoreCommand<Int>.count(existing: [$0.list(keys)]) })
        for (waiting, count) in zip(lists, counts) {
            if count == 0 {
                lookedAt[waiting.list(keys)] = nil
                continue
            }
            if try await isLong(waiting) { pause = min(pause, .seconds(10)) }
            if try await !lookThrough(waiting) { pause = .zero }
        }
        try await failWaiting()
        return pause
    }

    /// Removes what is too old and what no longer waits: at most 20 pages of 100 entries, then it goes on with the next beat. Once there are more
    /// than `maximumPushedWaiting` entries, it also looks at those that are not too old.
    ///
    /// - Returns: whether the list was looked through.
    func lookThrough(_ waiting: Waiting) async throws -> Bool {
        let list = waiting.list(session.keys)
        let age = ageLimit(of: waiting)
        let now = try await session.redisTime()
        guard let time = try await isLong(waiting) ? Int.max : age.map({ now - $0 }) else { return true }
        var passed = lookedAt[list] ?? 0
        for _ in 0..<20 {
            let ids = try await session.command(.oldest(list, upto: time, from: passed, count: 100))
            if ids.isEmpty {
                lookedAt[list] = nil
                return true
            }
            passed += try await look(at: ids, waiting, age: age)
        }
        lookedAt[list] = passed
        return false
    }

    /// Milliseconds; `nil` for ever.
    private func ageLimit(of waiting: Waiting) -> Int? {
        guard case .events = waiting else { return waitingLimit }
        let age = session.configuration.failedRetention
        return age > .zero ? age.wholeMilliseconds : nil
    }

    private func isLong(_ waiting: Waiting) async throws -> Bool {
        let count = try await session.command(.count(waiting.list(session.keys)))
        return count > session.configuration.maximumPushedWaiting
    }

    /// - Returns: how many of them stay at their places. What was not looked at comes after these.
    private func look(at ids: [String], _ waiting: Waiting, age: Int?) async throws -> Int {
        let keys = session.keys
        switch waiting {
        case .events(let list):
            return try await ids.count - session.evaluate(.purgeMail(keys, list, ids, age: age))
        case .runs(let queue):
            let fields = try await session.commands(ids.map { StoreCommand<RunFields>.run(keys, $0, .workflow) })
            let runs = zip(ids, fields).map { (id: $0, workflow: $1.text(.workflow) ?? "-") }
            return try await session.evaluate(
                .forgetWaiting(
                    keys, queue: queue, runs, age: age, indexed: session.indexedLabels))
        }
    }

    /// Milliseconds; `nil` for ever.
    private var waitingLimit: Int? {
        let limit = session.configuration.waitingLimit
        return limit > .zero ? limit.wholeMilliseconds : nil
    }

    /// A page holds all that `malformed` may have.
    private func trimMalformed() async throws {
        guard let age = waitingLimit else { return }
        _ = try await session.evaluate(.trimMalformed(session.keys, age: age))
    }

    /// Fails runs that were enqueued and never began: those that wait, and those that lie in a queue. Of either at most 20 pages of 100 runs.
    private func failWaiting() async throws {
        guard let age = waitingLimit else { return }
        let keys = session.keys
        let time = try await session.redisTime() - age
        for list in [keys.waitingEnqueued, keys.runs(.queued)] {
            let passed = try await failRuns(in: list, since: time, passing: lookedAt[list] ?? 0)
            // Runs that are to start later may be many. The next look goes on behind them.
            lookedAt[list] = passed ?? 0
        }
    }

    /// - Parameter passed: how many of the oldest are passed over.
    /// - Returns: how many of the oldest have been looked at and are still there; `nil` if the end was reached.
    private func failRuns(in list: String, since time: Int, passing passed: Int) async throws -> Int? {
        var passed = passed
        for _ in 0..<20 {
            let ids = try await session.command(.oldest(list, upto: time, from: passed, count: 100))
            if ids.isEmpty { return nil }
            for id in ids {
                let hasLeft = try await failWaiting(id, in: list)
                if !hasLeft { passed += 1 }
            }
        }
        return passed
    }

    /// - Returns: whether the run has left its place in the list.
    private func failWaiting(_ id: String, in list: String) async throws -> Bool {
        let keys = session.keys
        do {
            let run = try await session.command(.run(keys, id, .workflow, .queue, .parentQueue))
            let (queue, workflow) = (run.text(.queue) ?? "default", run.text(.workflow) ?? "-")
            // Somebody has decided that it waits: once that is over, it has the whole time again.
            let paused = try await session.command(
                .paused(keys, among: ["queue:\(queue)", "workflow:\(workflow)"]))
            if !paused.isEmpty {
                guard list == keys.waitingEnqueued else { return false }
                try await session.command(.waitAnew(keys, id, since: session.redisTime()))
                return true
            }
            let reply = try await session.evaluate(
                .failWaiting(
                    keys, id, queue: queue, workflow: workflow,
                    age: session.configuration.waitingLimit, parentQueue: run.text(.parentQueue)))
            guard reply == "ended" else { return reply == "obsolete" && list == keys.waitingEnqueued }
            session.logger.error(
                "a run has failed: it had not begun within the waitingLimit",
                metadata: ["run": "\(id)", "workflow": "\(workflow)"])
            try await session.reportEnd(of: id, as: .failed)
            return true
        } catch let error as SessionEnded {
            throw error
        } catch {
            // One run whose keys are damaged must not keep the others waiting.
            session.logger.error(
                "a run that waits cannot be looked at; see it with \(session.keys.command("doctor"))",
                metadata: ["run": "\(id)", "error": "\(error)"])
            return false
        }
    }
}
