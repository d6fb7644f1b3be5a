internal import StepwiseRedis

extension StepwiseClient: WorkflowClient {
    /// Starts a run; the calls with typed inputs come here.
    public func enqueue(_ order: RunOrder) async throws -> EnqueuedRun {
        try order.check(maximumPayloadSize: maximumPayloadSize)
        let id = newID(for: order)
        try await prepare(writes: true)
        if order.options.isPlain {
            let isMade = try await evaluate(.enqueuePlain(keys, order, id), doing: Self.words(order, id))
            if isMade { return EnqueuedRun(id: id, isNew: true, source: self) }
        }
        return try run(order, id, try await evaluate(call(order, id), doing: Self.words(order, id)))
    }

    public func enqueue(_ orders: [RunOrder]) async throws -> [EnqueuedRun] {
        for order in orders { try order.check(maximumPayloadSize: maximumPayloadSize) }
        if orders.isEmpty { return [] }
        let ids = orders.map(newID)
        try await prepare(writes: true)
        var replies = [Result<RedisValue, RedisError>](repeating: .success(.integer(0)), count: orders.count)
        do {
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
                    let call = call(orders[$0], ids[$0])
                    return (call.keys, call.arguments)
                })
            for (index, answer) in zip(others, answers) { replies[index] = answer }
        } catch {
            throw StepwiseError(error, doing: Self.words(orders[0], ids[0]))
        }
        return try zip(zip(orders, ids), replies).map { order, reply in
            let (order, id) = order
            switch reply {
            case .success(.integer(1)): return EnqueuedRun(id: id, isNew: true, source: self)
            case .success(let reply): return try run(order, id, call(order, id).reply(reply))
            case .failure(let error): throw StepwiseError(error, doing: Self.words(order, id))
            }
        }
    }

    private func newID(for order: RunOrder) -> String {
        order.id ?? Identifier.random(milliseconds: wallClockMilliseconds())
    }

    private static func words(_ order: RunOrder, _ id: String) -> String {
        "enqueuing run \(id) of workflow \"\(order.workflow)\""
    }

    private func call(_ order: RunOrder, _ id: String) -> ScriptCall<ReplyReader> {
        .enqueue(keys, id, workflow: order.workflow, payload: order.payload, order.options)
    }

    private func run(_ order: RunOrder, _ id: String, _ reader: ReplyReader) throws -> EnqueuedRun {
        if reader.word == "exists", reader.items.count > 1, let other = reader.items[1].string, other != order.workflow
        {
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(id) belongs to a run of workflow \"\(other)\", not \"\(order.workflow)\"; choose another id")
        }
        return EnqueuedRun(id: id, isNew: reader.word == "new", source: self)
    }
}
