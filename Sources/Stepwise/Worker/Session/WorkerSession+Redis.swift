internal import Logging
internal import StepwiseRedis

/// What a worker asks of Redis under one name. Everything that goes through here is sent until an answer came, and so may arrive twice.
extension WorkerSession {
    func newRunID() -> String { Identifier.random(milliseconds: wallClockMilliseconds()) }

    var store: RunStore {
        RunStore(keys: keys, worker: name, maximumRunSize: configuration.maximumRunSize) {
            [unowned self] script, keys, arguments, claim in
            try await self.evaluate(script, keys, arguments, for: claim)
        }
    }

    /// One script, sent until an answer came.
    nonisolated(nonsending) func evaluate(_ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument])
        async throws -> RedisValue
    {
        try await evaluate(script, keys, arguments, for: nil)
    }

    /// One script, sent until an answer came.
    ///
    /// - Parameter claim: the text of the claimed step or turn that it is for.
    nonisolated(nonsending) func evaluate(
        _ script: RedisScript, _ keys: [String], _ arguments: [RedisArgument], for claim: String?
    ) async throws -> RedisValue {
        try await insist(for: claim) { try await $0.evaluate(script, keys: keys, arguments: arguments) }
    }

    /// One call, sent until an answer came.
    nonisolated(nonsending) func evaluate<Reply>(_ call: ScriptCall<Reply>) async throws -> Reply {
        try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments))
    }

    /// One plain command, sent until an answer came.
    nonisolated(nonsending) func command<Reply>(_ command: StoreCommand<Reply>) async throws -> Reply {
        try await insist { try await $0.send(command) }
    }

    /// Plain commands of one kind, a page of them in one write, each page sent until all its answers came.
    nonisolated(nonsending) func commands<Reply>(_ commands: [StoreCommand<Reply>]) async throws -> [Reply] {
        var all: [Reply] = []
        for page in commands.pages() {
            let answers: [Reply] = try await insist { client in
                var replies: [Reply] = []
                for reply in try await client.send(page) { replies.append(try reply.get()) }
                return replies
            }
            all += answers
        }
        return all
    }

    /// The queues in which a name holds something. There may be 1,000: first it asks which pages of them have any.
    func queuesHeld(by name: String, among queues: [String]) async throws -> [String] {
        func question(_ some: [String]) -> StoreCommand<Int> {
            .count(existing: ClaimSource.all(some).map { $0.claims(keys, name) })
        }
        // Two keys a queue.
        let pages = queues.pages(of: 50)
        let counts = try await commands(pages.map(question))
        let near = zip(pages, counts).flatMap { page, count in count > 0 ? page : [] }
        let each = try await commands(near.map { question([$0]) })
        return zip(near, each).compactMap { queue, count in count > 0 ? queue : nil }
    }

    /// Where this name holds a claim, and the claim as it is there.
    ///
    /// - Parameter listed: as the beat lists it.
    func findClaim(_ listed: [UInt8]) async throws -> (item: [UInt8], queue: String)? {
        let isCut = ListedClaim.isCut(listed)
        for page in try await queuesHeld(by: name, among: configuration.queues).pages() {
            if isCut {
                for queue in page {
                    let item = try? await longItem(listed, in: keys.claimed(name, queue))
                    if let item { return (item: item, queue: queue) }
                }
                continue
            }
            let questions: [StoreCommand<Bool>] = page.map { .isClaimed(listed, in: keys.claimed(name, $0)) }
            let answers: [Bool] = try await insist { client in
                var answers: [Bool] = []
                for reply in try await client.send(questions) {
                    // A key of another type hides no other.
                    if case .failure(let error) = reply, error.message.hasPrefix("WRONGTYPE") {
                        answers.append(false)
                    } else {
                        answers.append(try reply.get())
                    }
                }
                return answers
            }
            for (queue, isThere) in zip(page, answers) where isThere { return (item: listed, queue: queue) }
        }
        return nil
    }

    /// A long claim as a list has it; `nil` if it has none that the beat lists like this.
    private func longItem(_ listed: [UInt8], in list: String) async throws -> [UInt8]? {
        // One at a time: each may be long.
        for place in 0..<2000 {
            guard let item = try await command(.items(list, from: place, count: 1)).first else { return nil }
            if ListedClaim.listed(item) == listed { return item }
        }
        return nil
    }

    /// Sends until an answer came. Everything that goes through here may arrive twice.
    ///
    /// - Parameter claim: nothing is sent for it any more once it is given up.
    nonisolated(nonsending) private func insist<Reply>(
        for claim: String? = nil, _ body: nonisolated(nonsending) (RedisClient) async throws -> Reply
    ) async throws -> Reply {
        let caller = Caller.current
        let client = caller == .run ? connections.commands : connections.beat
        let gate = caller == .run ? connections.gate : connections.beatGate
        var pause = Duration.milliseconds(20)
        var comparisons = self.comparisons.count
        if let claim, isLost(claim) { throw SessionEnded() }
        let troubles = connections.troubles
        var trouble: RedisTroubles.Source?
        defer { if let trouble { troubles.forget(trouble) } }
        while true {
            if !mayCall(caller) { throw SessionEnded() }
            do {
                let reply = try await body(client)
                if let trouble { troubles.over(trouble) }
                return reply
            } catch let error as RedisError {
                if !mayCall(caller) || error.kind == .closed || error.kind == .cancelled { throw SessionEnded() }
                // A name that ends does not wait for a person.
                if error.isPermanent, caller == .closing { throw SessionEnded() }
                // Memory that is full and a disk that is full pass, and a password can be mended; a key of a wrong type does not.
                guard error.kind != .refused || error.isPermanent || error.mayPass else { throw error }
                if trouble != nil || error.fault != nil || error.kind == .refused {
                    let source = trouble ?? troubles.newSource()
                    trouble = source
                    troubles.note(error, by: source)
                }
                if gate.isShut {
                    // A name that ends waits for nobody.
                    if caller == .closing { throw SessionEnded() }
                    await gate.waitUntilOpen()
                    pause = .milliseconds(20)
                } else {
                    await Latch().wait(atMost: pause, on: client.eventLoop)
                    pause = min(pause * 2, .seconds(2))
                }
            }
            let now = self.comparisons.count
            if let claim, now != comparisons {
                if isLost(claim) { throw SessionEnded() }
                comparisons = now
                try await self.comparisons.writeElsewhereAgain(for: claim)
            }
        }
    }

    /// Whether Redis has lost the claim, or what its run's instance has lived. A call for it would speak of a history that never was.
    private func isLost(_ claim: String) -> Bool {
        comparisons.hasLost && ledger.isLost(Array(claim.utf8))
    }

    /// Until the session's end, and for the last calls after it.
    private func mayCall(_ caller: Caller) -> Bool { caller == .closing || !isOver }

    /// Microseconds since 1970 by Redis' clock.
    func redisMicroseconds() async throws -> Int {
        guard let time = try await command(.time) else { throw UnexpectedReply(script: "TIME", reply: .null) }
        return time
    }

    /// Milliseconds since 1970 by Redis' clock.
    func redisTime() async throws -> Int { try await redisMicroseconds() / 1000 }

    /// How many workers were lost with an open step.
    func lost(with step: String, of run: RunStore.Run) async throws -> Int {
        try await command(.openStep(keys, of: run.id, step))?.lost ?? 0
    }

    /// A step that is still open at this attempt, in this generation of its run, and moved by a work item; plain reads, no script. Both
    /// questions leave in one write.
    ///
    /// - Parameter evenIfPaused: whether it counts also while its run is paused.
    nonisolated(nonsending) func open(
        _ run: RunStore.Run, step: String, attempt: Int, evenIfPaused: Bool
    ) async throws -> OpenStep? {
        let check = OpenCheck(run: run, steps: [(step, attempt)], evenIfPaused: evenIfPaused)
        return try await insist { try await check.send(over: $0) }[0]
    }

    /// Whether all of these steps are open, and no more than so many are in all.
    func areOpen(_ steps: [String], of run: RunStore.Run, atMost: Int) async throws -> Bool {
        let inline = try await inline(of: run)
        for start in stride(from: 0, to: steps.count, by: 1000) {
            let some = steps[start..<min(start + 1000, steps.count)]
            let written = try await command(.areWritten(keys, openOf: run.id, some))
            guard written.count == some.count, zip(some, written).allSatisfy({ $0 == inline || $1 }) else {
                return false
            }
        }
        let written = try await command(.writtenSteps(keys, of: run.id))
        if written < atMost { return true }
        guard let inline else { return written == atMost }
        let isInlineWritten = try await command(.isWritten(keys, openOf: run.id, inline))
        return written + (isInlineWritten ? 0 : 1) <= atMost
    }

    /// The open step of the turn's holder. It need not be written among the open ones.
    private func inline(of run: RunStore.Run) async throws -> String? {
        let inline = try await command(.run(keys, run.id, .inline)).text(.inline)
        return inline?.isEmpty == false ? inline : nil
    }

    /// The names of a run's open steps, in pages of about 1,000.
    func openSteps(of run: RunStore.Run) async throws -> [String] {
        let inline = try await inline(of: run)
        var steps = inline.map { [$0] } ?? []
        var cursor = "0"
        repeat {
            let page = try await command(.fields(keys.open(run.id), after: cursor, count: 1000))
            steps += page.elements.map(\.field).filter { $0 != inline }
            cursor = page.next
        } while cursor != "0"
        return steps
    }

    /// Whether a run has more outcomes than that, or its end is decided: that of one that is paused is, without another outcome.
    func hasMoved(_ run: RunStore.Run, beyond outcomes: Int) async throws -> Bool {
        let now = try await command(.run(keys, run.id, .recorded, .generation, .status))
        guard let status = now.status, now.text(.generation) == run.generation else { return true }
        return now.integer(.recorded) ?? 0 > outcomes || status.isDecided
    }

    /// Whether the run is there, in this generation.
    func isCurrent(_ run: RunStore.Run) async throws -> Bool {
        try await command(.run(keys, run.id, .generation)).text(.generation) == run.generation
    }

    /// Gives a claim of this worker back to where it came from.
    func release(_ item: [UInt8], to source: ClaimSource) async throws {
        switch source {
        case .queue(let queue):
            let workItem = String(validating: item, as: UTF8.self).flatMap { WorkItem($0) }
            _ = try await evaluate(
                .release(
                    keys: keys, item: .init(item), workItem: workItem, worker: name, queue: queue, lost: false,
                    maximumWorkerLosses: configuration.maximumWorkerLosses))
        case .inbox(let queue):
            _ = try await evaluate(
                .releasePushed(
                    keys: keys, item: item, worker: name, queue: queue, lost: false,
                    maximumWorkerLosses: configuration.maximumWorkerLosses,
                    maximumSize: configuration.maximumPayloadSize))
        }
    }
}
