internal import Logging
internal import StepwiseRedis

/// What a worker asks of Redis under one name. Everything that goes through here is sent until an answer came, and so may arrive twice.
extension WorkerSession {
    func newRunID() -> String { Identifier.random(milliseconds: wallClockMilliseconds()) }

    var store: RunStore {
        RunStore(keys: keys, worker: name, maximumRunSize: configuration.maximumRunSize) {
            [unowned self] script, keys, arguments in
            try await self.evaluate(script, keys, arguments)
        }
    }

    /// One script, sent until an answer came.
    nonisolated(nonsending) func evaluate(_ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument])
        async throws -> RedisValue
    {
        try await insist { try await self.connections.commands.evaluate(script, keys: keys, arguments: arguments) }
    }

    /// One call, sent until an answer came.
    nonisolated(nonsending) func evaluate<Reply>(_ call: ScriptCall<Reply>) async throws -> Reply {
        try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments))
    }

    /// One plain command, sent until an answer came.
    nonisolated(nonsending) func command(_ arguments: [RedisArgument]) async throws -> RedisValue {
        try await insist { try await self.connections.commands.send(arguments) }
    }

    /// Sends until an answer came. Everything that goes through here may arrive twice.
    nonisolated(nonsending) private func insist<Reply>(
        _ body: nonisolated(nonsending) () async throws -> Reply
    ) async throws -> Reply {
        var pause = Duration.milliseconds(20)
        while true {
            if !mayCall { throw SessionEnded() }
            do {
                return try await body()
            } catch let error as RedisError {
                if !mayCall || error.kind == .closed || error.kind == .cancelled { throw SessionEnded() }
                if error.kind == .refused || error.kind == .denied {
                    // Memory that is full and a disk that is full pass; a key of a wrong type does not.
                    guard error.kind == .denied || error.isPassing else { throw error }
                    logger.error("redis refused a call; it is sent again", metadata: ["error": "\(error)"])
                }
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(2))
            }
        }
    }

    /// Microseconds since 1970 by Redis' clock.
    func redisMicroseconds() async throws -> Int {
        let reply = try await command(["TIME"])
        guard let v = reply.array, v.count == 2, let seconds = v[0].integer, let microseconds = v[1].integer else {
            throw UnexpectedReply(script: "TIME", reply: reply)
        }
        return seconds * 1_000_000 + microseconds
    }

    /// How many workers were lost with an open step.
    func lost(with step: String, of run: RunStore.Run) async throws -> Int {
        let reply = try await command(["HGET", .init(keys.open(run.id)), .init(step)])
        return reply.string.flatMap { OpenStep($0) }?.lost ?? 0
    }

    /// A step that is still open at this attempt, in this generation of its run, and moved by a work item; plain reads, no script. Both
    /// questions leave in one write.
    ///
    /// - Parameter evenIfPaused: whether it counts also while its run is paused.
    nonisolated(nonsending) func open(
        _ run: RunStore.Run, step: String, attempt: Int, evenIfPaused: Bool
    ) async throws -> OpenStep? {
        let replies = try await insist {
            try await self.connections.commands.pipeline(self.openCommands(run, steps: [step])).map { try $0.get() }
        }
        return open(replies, of: run, [attempt], evenIfPaused: evenIfPaused)[0]
    }

    /// What ``open(_:step:attempt:evenIfPaused:)`` asks, of one step or several.
    func openCommands(_ run: RunStore.Run, steps: [String]) -> [[RedisArgument]] {
        [
            ["HMGET", .init(run.runKey), "generation", "status"],
            ["HMGET", .init(run.openKey)] + steps.map { .init($0) },
        ]
    }

    /// What the replies to ``openCommands(_:steps:)`` say.
    ///
    /// - Parameter attempts: which attempt of each of the steps is asked about.
    func open(_ replies: [RedisValue], of run: RunStore.Run, _ attempts: [Int], evenIfPaused: Bool) -> [OpenStep?] {
        guard replies.count == 2, let now = replies[0].array, now.count == 2, now[0].string == run.generation,
            evenIfPaused || now[1].string != RunStatus.paused.rawValue,
            let states = replies[1].array, states.count == attempts.count
        else { return attempts.map { _ in nil } }
        return zip(states, attempts).map { state, attempt in
            guard let open = state.string.flatMap({ OpenStep($0) }), open.attempt == attempt, open.place == "item"
            else { return nil }
            return open
        }
    }

    /// Whether all of these steps are open, and no more than so many are in all.
    func areOpen(_ steps: [String], of run: RunStore.Run, atMost: Int) async throws -> Bool {
        let key = RedisArgument(keys.open(run.id))
        let inline = try await inline(of: run)
        for start in stride(from: 0, to: steps.count, by: 1000) {
            let some = steps[start..<min(start + 1000, steps.count)]
            let reply = try await command(["HMGET", key] + some.map { .init($0) })
            guard let states = reply.array, zip(some, states).allSatisfy({ $0 == inline || $1.string != nil }) else {
                return false
            }
        }
        let written = try await command(["HLEN", key]).integer ?? 0
        if written < atMost { return true }
        guard let inline else { return written == atMost }
        let isInlineWritten = try await command(["HEXISTS", key, .init(inline)]).integer == 1
        return written + (isInlineWritten ? 0 : 1) <= atMost
    }

    /// The open step of the turn's holder. It need not be written among the open ones.
    private func inline(of run: RunStore.Run) async throws -> String? {
        let inline = try await command(["HGET", .init(keys.run(run.id)), "inline"]).string
        return inline?.isEmpty == false ? inline : nil
    }

    /// The names of a run's open steps, in pages of about 1,000.
    func openSteps(of run: RunStore.Run) async throws -> [String] {
        let inline = try await inline(of: run)
        var steps = inline.map { [$0] } ?? []
        var cursor = "0"
        repeat {
            let reply = try await command(["HSCAN", .init(keys.open(run.id)), .init(cursor), "COUNT", "1000"])
            guard let items = reply.array, items.count == 2, let next = items[0].string else { return steps }
            let flat = items[1].array ?? []
            steps += stride(from: 0, to: flat.count, by: 2).compactMap { flat[$0].string }.filter { $0 != inline }
            cursor = next
        } while cursor != "0"
        return steps
    }

    /// Whether a run has more outcomes than that, or has ended: one that is paused ends without another outcome.
    func hasMoved(_ run: RunStore.Run, beyond outcomes: Int) async throws -> Bool {
        let reply = try await command(["HMGET", .init(keys.run(run.id)), "recorded", "generation", "status"])
        guard let v = reply.array, v.count == 3, let status = v[2].string, v[1].string == run.generation else {
            return true
        }
        return v[0].integer ?? 0 > outcomes || RunStatus(rawValue: status).isEnded
    }

    /// Whether the run is there, in this generation.
    func isCurrent(_ run: RunStore.Run) async throws -> Bool {
        try await command(["HGET", .init(keys.run(run.id)), "generation"]).string == run.generation
    }

    /// Gives a claim of this worker back to its queue, unasked: it drains.
    func release(_ item: [UInt8], queue: String) async throws {
        let workItem = String(validating: item, as: UTF8.self).flatMap { WorkItem($0) }
        _ = try await evaluate(
            .release(
                keys: keys, item: .init(item), workItem: workItem, worker: name, queue: queue, lost: false,
                maximumWorkerLosses: configuration.maximumWorkerLosses))
    }
}
