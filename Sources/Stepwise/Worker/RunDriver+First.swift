internal import StepwiseRedis

/// The first carry of a run, if it brings along what its function begins with: one script takes it and opens the first step.
extension RunDriver {
    func takeFirst(_ text: String, _ first: FirstCarry, _ claim: Claim) async throws -> Kept? {
        // A function that may lose no worker is executed alone: `load` tells.
        guard about == nil, copy == nil, worker.configuration.maximumLost > 1, !worker.isDraining,
            worker.reasonToWait(first.workflow, unfit: []) == nil,
            worker.functions[first.workflow]?.options.runTimeout == nil
        else { return try await load(text, step: nil, claim) }
        about = RunAbout(
            workflow: first.workflow, queue: run.queue, payload: first.payload, created: generation)
        guard try await prepareCopy(run.carryText, isCarry: true, carried: -1), let copy, case .waiting = copy.progress
        else { return try await load(text, step: nil, claim) }
        let plan = copy.plan(opened: 0)
        guard let step = plan.onlyPlainOpening?.step else { return try await load(text, step: nil, claim) }
        // Should its answer be lost, and the run change meanwhile, `load` knows by the token that it was taken here.
        let token = worker.nextToken()
        let isTaken = try await store.first(run, text: text, step: step, token: token)
        guard isTaken, copy === self.copy else { return try await load(text, step: nil, claim, token: token) }
        let claim = exchange(claim, of: text)
        defer { claim.end() }
        confirm(plan, copy)
        return try await drive(
            number: 1, opened: 1, after: .carry(step: step, attempt: 1, lost: 0), claim)
    }
}
