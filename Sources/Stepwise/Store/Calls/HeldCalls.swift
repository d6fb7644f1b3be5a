internal import StepwiseRedis

// What a worker writes whose thread user code holds. The scripts are declared beside the others of workers.

extension ScriptCall<String> {
    /// Releases a claimed turn or step whose run's function held its worker's thread. The reply is the script's word.
    ///
    /// - Parameters:
    ///   - text: the claim's.
    ///   - reason: why the run is parked, if this is the last loss that it may have.
    static func releaseHeld(
        _ keys: Keys, _ run: RunStore.Run, text: String, _ workItem: WorkItem, worker: String,
        maximumWorkerLosses: Int, reason: String
    ) -> Self {
        var kind = "turn"
        var step = ""
        var attempt = ""
        if case .step(_, _, let itsAttempt, let itsStep) = workItem {
            (kind, step, attempt) = ("step", itsStep, String(itsAttempt))
        }
        return Self(
            ScriptLibrary.releaseHeld,
            keys: [
                run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.queue(run.queue), keys.runs(.queued),
                keys.runs(.running), keys.runs(.noWorker), keys.runs(.parked), keys.waitingPushed(run.queue),
                keys.waitingEnqueued, keys.pushedQueues,
            ],
            arguments: [
                .init(run.id), .init(worker), .init(text), .init(kind), .init(run.generation), .init(step),
                .init(attempt), .init(maximumWorkerLosses), .init(reason), .init(run.queue),
            ]
        ) { $0.word }
    }
}

extension ScriptCall<Bool> {
    /// Writes to a worker's entry which of its threads user code holds.
    static func noteHeld(_ keys: Keys, _ name: String, _ held: [HeldThread], isStopped: Bool) -> Self {
        Self(
            ScriptLibrary.noteHeld, keys: [keys.worker(name)],
            arguments: [.init(held.isEmpty ? [] : HeldThread.json(held)), isStopped ? "1" : ""])
    }
}
