import Stepwise
import StepwiseRedis

extension Bench {
    /// How fast an idle fleet sees what it waits for, each until the body of the next step begins.
    func wake() async throws -> [BenchTable.Line] {
        try await withFleet(2) { server, _ in
            var (pushed, told, joined) = (Latencies(), Latencies(), Latencies())
            for number in 0..<extent.latencies {
                let id = "pushed-\(number)"
                var start = Moment.now
                _ = try await server.send(
                    "LPUSH", server.keys.inbox("default"), #"{"workflow":"times","payload":1,"id":"\#(id)"}"#)
                pushed.add(try await server.firstStep(of: id) - start)

                let waiting = try await server.client.enqueue(BenchWorkflows.afterEvent, 0)
                try await server.waiting(1)
                start = Moment.now
                try await waiting.notify("go")
                told.add(try await waiting.result() - start)

                let moments = try await server.client.enqueue(BenchWorkflows.afterJoin, 10).result()
                joined.add(moments[1] - moments[0])
            }
            return pushed.notes("wake: LPUSH to first step") + told.notes("wake: event to next step")
                + joined.notes("wake: last of 10 branches to join")
        }
    }
}

extension BenchServer {
    /// Of a run that was pushed by its id, and that a worker may not have seen yet.
    fileprivate func firstStep(of id: String) async throws -> Moment {
        while try await send("EXISTS", keys.run(id)).integer == 0 { try await Task.sleep(for: .milliseconds(1)) }
        return try await client.handle(id, as: [Moment].self).result()[0]
    }
}
