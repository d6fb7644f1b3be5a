#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif
internal import StepwiseRedis

extension StepwiseClient: WorkflowClient {
    /// Starts a run; the calls with typed inputs come here.
    public func enqueue(_ order: RunOrder) async throws -> EnqueuedRun {
        try order.check(maximumPayloadSize: maximumPayloadSize)
        let id = newID(for: order)
        try await prepare(writes: true)
        if order.options.isPlain {
            let call = plainCall(order, id)
            let reply = try await evaluate(
                ScriptLibrary.enqueuePlain, call.keys, call.arguments, doing: Self.words(order, id))
            if reply.integer == 1 { return EnqueuedRun(id: id, isNew: true, source: self) }
        }
        let call = call(order, id)
        let reply = try await evaluate(
            ScriptLibrary.enqueue, call.keys, call.arguments, doing: Self.words(order, id))
        return try run(order, id, reply)
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
                    ScriptLibrary.enqueuePlain, calls: zip(orders, ids).map(plainCall))
            }
            // What has options, and ids that are there already.
            let others = replies.indices.filter { replies[$0] == .success(.integer(0)) }
            let answers = try await commands.evaluate(
                ScriptLibrary.enqueue, calls: others.map { call(orders[$0], ids[$0]) })
            for (index, answer) in zip(others, answers) { replies[index] = answer }
        } catch {
            throw StepwiseError(error, doing: Self.words(orders[0], ids[0]))
        }
        return try zip(zip(orders, ids), replies).map { order, reply in
            let (order, id) = order
            switch reply {
            case .success(.integer(1)): return EnqueuedRun(id: id, isNew: true, source: self)
            case .success(let reply): return try run(order, id, reply)
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

    /// What makes a run with no options but its queue; the answer is 1, or 0 if there is one.
    private func plainCall(_ order: RunOrder, _ id: String) -> (keys: [String], arguments: [RedisArgument]) {
        let queue = order.options.queue
        return (
            [keys.run(id), keys.queue(queue), keys.runs(.queued)],
            [.init(id), .init(order.workflow), .init(queue), .init(order.payload)]
        )
    }

    private func call(_ order: RunOrder, _ id: String) -> (keys: [String], arguments: [RedisArgument]) {
        let options = order.options
        let queue = keys.queue(options.queue)
        return (
            [keys.run(id), queue, keys.runs(.queued), keys.delayed, queue],
            [
                .init(id), .init(order.workflow), .init(options.queue), .init(order.payload),
                .init(options.labels.json),
                .init(options.origin ?? ""), .init(options.timeout.map(String.init) ?? ""), "", "", "",
                .init(options.start?.text ?? ""),
            ]
        )
    }

    private func run(_ order: RunOrder, _ id: String, _ reply: RedisValue) throws -> EnqueuedRun {
        let reader = ReplyReader("enqueue", reply)
        if reader.word == "exists", reader.items.count > 1, let other = reader.items[1].string, other != order.workflow
        {
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(id) belongs to a run of workflow \"\(other)\", not \"\(order.workflow)\"; choose another id")
        }
        return EnqueuedRun(id: id, isNew: reader.word == "new", source: self)
    }
}
