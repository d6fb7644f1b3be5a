internal import StepwiseRedis

/// The first turn of a run, if it brings along what its function begins with: one script takes it and opens the first step. As long as the
/// run's steps are quick it has no task.
extension RunDriver {
    /// Takes a claim that has a slot, and that nobody else here works on. The caller has noted a use of this driver.
    func take(_ text: String, _ first: FirstTurn, _ claim: Claim) {
        // Nobody takes tasks any more.
        if session.isOver { return end(claim) }
        // A function that may lose no worker is executed alone: `take_turn` tells.
        guard about == nil, instance == nil, session.configuration.maximumWorkerLosses > 1, !session.isDraining,
            session.reasonToWait(first.workflow, incompatibleVersions: []) == nil,
            let function = session.functions[first.workflow],
            function.options.runTimeout == nil
        else { return end(claim) { try await self.load(text, step: nil, claim) } }
        let about = RunAbout(
            workflow: first.workflow, queue: run.queue, payload: first.payload,
            created: Generation.created(generation))
        self.about = about
        makeInstance(about, function, silent: false)
        guard let instance, case .waiting = instance.progress else {
            return end(claim) { try await self.load(text, step: nil, claim) }
        }
        let plan = instance.plan(opened: 0)
        guard let step = plan.onlyPlainOpening?.step else {
            return end(claim) { try await self.load(text, step: nil, claim) }
        }
        // Should its answer be lost, and the run change meanwhile, `take_turn` knows by the token that it was taken here.
        let token = session.nextToken()
        send(store.takeTurnPlainCall(run, text: text, step: step, token: token)) { driver, reply in
            guard case .success(.integer(1)) = reply, instance === driver.instance,
                driver.turnsDriven.insert(1).inserted
            else {
                return driver.end(claim) { try await driver.load(text, step: nil, claim, token: token) }
            }
            let claim = driver.exchange(claim, of: text)
            driver.confirm(plan, instance)
            driver.agreed = 1
            driver.know { $0.noteFirstTurn() }
            driver.takeQuickStep(QuickWay(number: 1, turnPrefix: driver.store.turnPrefix(1), step: step, opened: 1)) {
                driver, way in driver.end(way, claim)
            }
        }
    }

    private func end(_ way: QuickWay, _ claim: Claim) {
        guard way.hasEndedRun else { return end(claim) { try await self.goOn(way, claim) } }
        turnsDriven.remove(way.number)
        discard()
        end(claim)
    }

    private func goOn(_ way: QuickWay, _ claim: Claim) async throws -> Kept? {
        turnsDriven.remove(way.number)
        return try await drive(number: way.number, opened: way.opened, after: way, claim)
    }
}
