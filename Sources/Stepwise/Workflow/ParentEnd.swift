/// What becomes of a child when its parent no longer waits for it: the parent has ended, or has withdrawn the step.
public enum ParentEnd: String, Sendable, Hashable {
    /// It is cancelled.
    case cancel
    /// It goes on by itself.
    case abandon
}
