/// What becomes of a child when its parent no longer waits for it: the parent has ended, or has withdrawn the step.
public enum ParentClosePolicy: String, Sendable, Hashable {
    /// It is cancelled.
    case cancel
    /// It goes on by itself.
    case abandon
    /// The parent waits for it all the same: a cancellation does not reach the call, which returns when the child has ended. A parent that ends
    /// without its function (cancelled while it was parked, say) leaves it.
    case wait
}
