/// What a worker tells its observer: see ``StepwiseWorker/Configuration/observer``.
public enum Observation: Sendable, Hashable {
    /// An outcome is recorded, and the run's function was taken past it.
    case recorded(ObservedStep)
    /// A run has begun anew (`continueAsNew`): what follows of it is of another generation.
    case continued(ObservedRun)
    /// A run has ended.
    case ended(ObservedRun)
    /// So many observations are missing here: the observer was too slow, and the buffer full.
    case dropped(Int)
}

/// A recorded outcome, as an observer is told of it.
public struct ObservedStep: Sendable, Hashable {
    public var run: String
    public var workflow: String
    /// Which generation of the run: the number in the idempotency keys.
    public var generation: Int
    /// Its number in the history, from 1 on: with `run` and `generation` it tells this outcome from all others.
    public var number: Int
    /// The step's id; empty for what is not a step's: a cancellation, the end of a run's time.
    public var step: String
    /// `nil` for a step with a body, else the word for its kind: `sleep`, `waitForEvent`, `invoke` and others.
    public var kind: String?
    public var attempts: Int
    /// How long the last attempt took, by the worker's clock.
    public var took: Duration?
    /// The error, if it ended in one.
    public var error: StepFailure?
    /// Why the run was cancelled, or is out of time, if that is what was recorded.
    public var cancel: String?
}

/// A run whose status has changed, as an observer is told of it.
public struct ObservedRun: Sendable, Hashable {
    public var run: String
    public var workflow: String
    /// Which generation of the run it was.
    public var generation: Int
    /// `completed`, `failed` or `cancelled` of a run that has ended.
    public var status: RunStatus

    package init(run: String, workflow: String, generation: Int, status: RunStatus) {
        (self.run, self.workflow, self.generation, self.status) = (run, workflow, generation, status)
    }
}
