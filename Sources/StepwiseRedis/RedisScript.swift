import Synchronization

/// A Lua script that is sent by its SHA-1. Make one per source and keep it: all clients share what it learns.
package final class RedisScript: Sendable {
    /// For logs and messages.
    package let name: String
    package let source: String
    private let learnt = Mutex<String?>(nil)

    package init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    /// The SHA-1 as a server's `SCRIPT LOAD` gave it; it depends on the source alone, so it holds for every server, also
    /// for those that do not have the script yet.
    var sha: String? {
        get { learnt.withLock { $0 } }
        set { learnt.withLock { $0 = newValue } }
    }
}
