package import StepwiseRedis
internal import Synchronization

/// The calls of the step scripts that a fleet would make for many runs of steps in a row, ready to be sent by anybody: what Redis does with
/// them alone is the limit for every fleet. For the bench.
package struct StepScriptLoad: Sendable {
    private let keys: Keys
    private let redis: RedisClient
    private let worker = "limit-1-abcdef"
    private let queue: String

    package init(keys: Keys, redis: RedisClient, queue: String = "default") {
        (self.keys, self.redis, self.queue) = (keys, redis, queue)
    }

    /// Takes queued runs as a worker would, opens the first step of each, and gives the calls that record all of their steps, the last of
    /// which ends the run.
    ///
    /// - Returns: the calls in the order in which a fleet would make them: first one of each run, then the next.
    package func calls(runs: Int, steps: Int, result: [UInt8]) async throws -> [[RedisArgument]] {
        var taken: [(run: RunStore.Run, number: Int)] = []
        for _ in 0..<runs {
            let item = try await redis.send([
                "LMOVE", .init(keys.queue(queue)), .init(keys.claimed(worker, queue)), "RIGHT", "LEFT",
            ])
            guard let text = item.string, case .turn(let id, let generation)? = WorkItem(text) else { break }
            let run = RunStore.Run(id: id, generation: generation, queue: queue, keys: keys)
            let reply = try await store.takeTurn(
                run, text: text, step: nil, seen: 0, token: "\(worker)/1", cold: true)
            guard case .loaded(let number, _, _, _, _, _) = reply else {
                throw UnexpectedReply(script: "take_turn", reply: .null)
            }
            _ = try await store.advance(run, request(number: number, upto: 0, opening: 0, ending: nil))
            taken.append((run, number))
        }
        let collected = Mutex<[[RedisArgument]]>([])
        let known = Mutex<[String: String]>([:])
        let collector = RunStore(keys: keys, worker: worker, maximumRunSize: 67_108_864) { script, keys, arguments, _ in
            var sha = known.withLock { $0[script.name] } ?? ""
            if sha.isEmpty {
                sha = try await redis.send(["SCRIPT", "LOAD", .init(script.source)]).string ?? ""
                known.withLock { [sha] in $0[script.name] = sha }
            }
            collected.withLock {
                $0.append(["EVALSHA", .init(sha), .init(keys.count)] + keys.map { .init($0) } + arguments)
            }
            // What the server will say to the short calls, once they are there.
            return .integer(1)
        }
        for number in 1...steps {
            for (run, turn) in taken {
                let isLast = number == steps
                let record = RunStore.Record(
                    step: step(number - 1), attempt: 1, result: .value(result), took: 0, token: "\(worker)/\(number)")
                _ = try? await collector.recordAndAdvance(
                    run,
                    request(
                        number: turn, upto: number, opening: isLast ? nil : number,
                        ending: isLast ? (.completed, result) : nil), record, isNew: true)
            }
        }
        return collected.withLock { $0 }
    }

    private var store: RunStore {
        RunStore(keys: keys, worker: worker, maximumRunSize: 67_108_864) { script, keys, arguments, _ in
            try await redis.evaluate(script, keys: keys, arguments: arguments)
        }
    }

    private func step(_ number: Int) -> String { number == 0 ? "step" : "step#\(number + 1)" }

    private func request(
        number: Int, upto: Int, opening: Int?, ending: (status: RunStore.Ending, json: [UInt8])?
    ) -> RunStore.Advance {
        let openings = opening.map { [Plan.Opening(number: $0, step: step($0), withdrawn: false)] } ?? []
        return RunStore.Advance(
            number: number, upto: upto, slots: 1, plan: Plan(openings: openings, closings: [], isComplete: true),
            ending: ending, parentQueue: nil)
    }
}
