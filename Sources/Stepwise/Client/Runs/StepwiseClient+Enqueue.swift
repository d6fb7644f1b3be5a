internal import StepwiseRedis

extension StepwiseClient: WorkflowClient {
    /// Starts a run; the calls with typed inputs come here. One that has no id of its own is sent once more where its reply was lost.
    public func enqueue(_ order: RunOrder) async throws -> EnqueuedRun {
        try order.check(maximumPayloadSize: maximumPayloadSize)
        try await prepare(writes: true)
        let indexed = order.options.labels.isEmpty ? [] : try await indexedLabels()
        if let id = order.id { return try await enqueue(order, id, indexed) }
        let id = newID(for: order)
        return try await repeating { try await enqueue(order, id, indexed) }
    }

    private func enqueue(_ order: RunOrder, _ id: String, _ indexed: [String]) async throws -> EnqueuedRun {
        if order.options.isPlain {
            let isMade = try await evaluate(.enqueuePlain(keys, order, id), doing: Self.words(order, id))
            if isMade { return EnqueuedRun(id: id, isNew: true, source: self) }
        }
        return try run(order, id, try await evaluate(call(order, id, indexed), doing: Self.words(order, id)))
    }

    /// Starts several runs, in pages; one that has no id of its own is sent once more where its reply was lost.
    ///
    /// - Throws: as for one run, and with code `closed` if the task is cancelled. ``StepwiseError/enqueued`` says which of the runs are made.
    public func enqueue(_ orders: [RunOrder]) async throws -> [EnqueuedRun] {
        for order in orders { try order.check(maximumPayloadSize: maximumPayloadSize) }
        if orders.isEmpty { return [] }
        try await prepare(writes: true)
        let areLabelled = orders.contains { !$0.options.labels.isEmpty }
        var indexed = areLabelled ? try await indexedLabels() : []
        var runs: [EnqueuedRun] = []
        runs.reserveCapacity(orders.count)
        for page in Self.pages(of: orders) {
            // What has not been sent is not made.
            if Task.isCancelled {
                let error = StepwiseError(.closed, "enqueuing \(orders.count) runs failed: the task was cancelled")
                throw Self.inPart(error, runs.map(\.id), [], [], of: orders.count)
            }
            let some = Array(orders[page])
            let ids = some.map(newID)
            // Many pages take their time. A question that fails is no reason to stop between two of them.
            if areLabelled, let newer = try? await indexedLabels() { indexed = newer }
            let replies = await sendOnceMore(some, ids, indexed, await send(some, ids, indexed))
            let results: [Result<EnqueuedRun, any Error>] = replies.indices.map { n in
                Result { try run(some[n], ids[n], replies[n]) }
            }
            do { for result in results { runs.append(try result.get()) } } catch {
                guard let error = error as? StepwiseError else { throw error }
                throw Self.inPart(error, runs[..<page.lowerBound].map(\.id), ids, results, of: orders.count)
            }
        }
        return runs
    }

    private static let mostInPage = 1000
    private static let mostBytesInPage = 4 << 20

    /// What is sent in one round trip, within the time that one command has.
    package static func pages(of orders: [RunOrder]) -> [Range<Int>] {
        var pages: [Range<Int>] = []
        var (start, bytes) = (0, 0)
        for (n, order) in orders.enumerated() {
            let isFull = n - start == mostInPage || bytes + order.payload.count > mostBytesInPage
            if isFull, n > start {
                pages.append(start..<n)
                (start, bytes) = (n, 0)
            }
            bytes += order.payload.count
        }
        return pages + [start..<orders.count]
    }

    /// - Returns: a reply or an error for each order.
    private func send(
        _ orders: [RunOrder], _ ids: [String], _ indexed: [String]
    ) async -> [Result<RedisValue, RedisError>] {
        var replies = [Result<RedisValue, RedisError>](repeating: .success(.integer(0)), count: orders.count)
        do throws(RedisError) {
            if orders.allSatisfy(\.options.isPlain) {
                replies = try await commands.evaluate(
                    ScriptLibrary.enqueuePlain.redis,
                    calls: zip(orders, ids).map { order, id in
                        let call = ScriptCall.enqueuePlain(keys, order, id)
                        return (call.keys, call.arguments)
                    })
            }
            // What has options, and ids that are there already.
            let others = replies.indices.filter { replies[$0] == .success(.integer(0)) }
            let answers = try await commands.evaluate(
                ScriptLibrary.enqueue.redis,
                calls: others.map {
                    let call = call(orders[$0], ids[$0], indexed)
                    return (call.keys, call.arguments)
                })
            for (index, answer) in zip(others, answers) { replies[index] = answer }
        } catch {
            // What has an answer keeps it.
            for index in replies.indices where replies[index] == .success(.integer(0)) {
                replies[index] = .failure(error)
            }
        }
        return replies
    }

    /// Sends those again whose replies were lost and whose ids were made up: nobody else has them.
    private func sendOnceMore(
        _ orders: [RunOrder], _ ids: [String], _ indexed: [String], _ replies: [Result<RedisValue, RedisError>]
    ) async -> [Result<RedisValue, RedisError>] {
        let lost = replies.indices.filter { n in
            if case .failure(let error) = replies[n] { orders[n].id == nil && error.kind == .ambiguous } else { false }
        }
        if lost.isEmpty { return replies }
        var replies = replies
        for (n, reply) in zip(lost, await send(lost.map { orders[$0] }, lost.map { ids[$0] }, indexed)) {
            // Whatever is said of the second, the first may have been done.
            replies[n] = reply.mapError { error in
                error.kind == .closed || error.kind == .cancelled ? error : RedisError(.ambiguous, error.message)
            }
        }
        return replies
    }

    private func run(_ order: RunOrder, _ id: String, _ reply: Result<RedisValue, RedisError>) throws -> EnqueuedRun {
        switch reply {
        case .success(.integer(1)): return EnqueuedRun(id: id, isNew: true, source: self)
        case .success(let reply): return try run(order, id, call(order, id, []).reply(reply))
        case .failure(let error): throw StepwiseError(error, doing: Self.words(order, id), of: keys)
        }
    }

    /// What went wrong with a page, and what is made.
    ///
    /// - Parameters:
    ///   - before: the ids of the runs of the pages before.
    ///   - results: of the page, whose runs were to have `ids`.
    private static func inPart(
        _ error: StepwiseError, _ before: [String], _ ids: [String], _ results: [Result<EnqueuedRun, any Error>],
        of count: Int
    ) -> StepwiseError {
        var part = EnqueuedPart()
        for (n, id) in before.enumerated() { part.made[n] = id }
        for (n, (id, result)) in zip(ids, results).enumerated() {
            switch result {
            case .success: part.made[before.count + n] = id
            case .failure(let error as StepwiseError) where [.redisAmbiguous, .closed].contains(error.code):
                part.uncertain[before.count + n] = id
            case .failure: break
            }
        }
        let isLost = !part.uncertain.isEmpty && error.code != .closed
        var whole = StepwiseError(
            isLost ? .redisAmbiguous : error.code,
            "\(error.message); of \(count) runs \(part.made.count) are made, and \(part.uncertain.count) may be: the error's "
                + "`enqueued` says which")
        whole.enqueued = part
        return whole
    }

    private func newID(for order: RunOrder) -> String {
        order.id ?? Identifier.random(milliseconds: wallClockMilliseconds())
    }

    private static func words(_ order: RunOrder, _ id: String) -> String {
        "enqueuing run \(id) of workflow \"\(order.workflow)\""
    }

    private func call(_ order: RunOrder, _ id: String, _ indexed: [String]) -> ScriptCall<ReplyReader> {
        .enqueue(keys, id, workflow: order.workflow, payload: order.payload, order.options, indexed: indexed)
    }

    private func run(_ order: RunOrder, _ id: String, _ reader: ReplyReader) throws -> EnqueuedRun {
        if reader.word == "exists", reader.items.count > 1, let other = reader.items[1].string, other != order.workflow
        {
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(id) belongs to a run of workflow \"\(other)\", not \"\(order.workflow)\"; choose another id")
        }
        // An id that was made up is there only because an earlier sending has arrived.
        return EnqueuedRun(id: id, isNew: reader.word == "new" || order.id == nil, source: self)
    }
}
