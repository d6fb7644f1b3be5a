internal import StepwiseRedis

extension Incarnation {
    /// Claims unserved invocations of a workflow, the oldest first, of the queues that this worker serves, until none is left. Stands in line
    /// for slots with the claim loops.
    func readmit(_ workflow: String) {
        guard beginReadmitting(workflow) else { return }
        spawn {
            defer { self.endReadmitting(workflow) }
            // What is for other queues is passed over.
            var passed = 0
            while passed < 1000, await self.slots.acquire() {
                let step = (try? await self.readmitOne(of: workflow, passing: passed)) ?? .none
                if step != .claimed { self.slots.release() }
                switch step {
                case .claimed, .gone: break
                case .otherQueue: passed += 1
                case .none: return
                }
            }
        }
    }

    private enum Readmission {
        case claimed
        /// Somebody else was faster, or this was the answer to a second sending: then the comparison of claims finds it.
        case gone
        case otherQueue
        case none
    }

    private func readmitOne(of workflow: String, passing passed: Int) async throws -> Readmission {
        let item = try await command(["LINDEX", .init(keys.unserved(workflow)), .init(-1 - passed)])
        guard let text = item.string else { return .none }
        guard let invocation = Invocation(text), let run = invocation.run else { return .otherQueue }
        let queue = try await command(["HGET", .init(keys.run(run)), "queue"]).string ?? "default"
        guard configuration.queues.contains(queue) else { return .otherQueue }
        let isCarry = if case .carry = invocation { true } else { false }
        let reply = try await evaluate(
            ScriptLibrary.readmit, [keys.run(run), keys.unserved(workflow), keys.claimed(name, queue)],
            [.init(text), isCarry ? "1" : ""])
        guard reply.integer == 1 else { return .gone }
        noteClaim()
        accept(Array(text.utf8), from: queue)
        return .claimed
    }
}
