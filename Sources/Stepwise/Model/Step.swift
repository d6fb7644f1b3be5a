/// What a step's body can ask about the step that it executes.
public struct Step: Sendable, Hashable {
    /// The step's name, and `name#2`, `name#3`… from the second use in a run on.
    public let id: String
    /// 1 for the first try of the body, one more for each retry. A worker's death repeats the attempt, not the count.
    public let attempt: Int
    /// The same for every attempt of this step of this run, and for no other: hand it to services that drop duplicates.
    public var idempotencyKey: String { "\(runID)/\(generation)/\(id)" }

    let runID: String
    private let generation: Int

    package init(runID: String, generation: Int, id: String, attempt: Int) {
        self.id = id
        self.attempt = attempt
        self.runID = runID
        self.generation = generation
    }
}

/// The step whose body the current task executes; `nil` outside bodies.
package enum StepScope {
    @TaskLocal package static var current: Step?
}
