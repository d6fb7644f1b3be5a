/// Which runs a call that enqueues many had made when it failed.
public struct EnqueuedPart: Sendable, Hashable {
    /// The ids of the runs that are made, by the positions of their inputs.
    public var made: [Int: String] = [:]
    /// Of those of which nobody knows it, because their replies were lost. Enqueuing such an input again with this id makes one run.
    public var uncertain: [Int: String] = [:]
}
