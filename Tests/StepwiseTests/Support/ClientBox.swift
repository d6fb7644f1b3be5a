import Stepwise
import Synchronization

/// The client, for bodies that a workflow was given before there was one.
final class ClientBox: Sendable {
    private let stored = Mutex<StepwiseClient?>(nil)

    var client: StepwiseClient? {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
