import Synchronization

/// A Lua script that is sent by its SHA-1. Make one per source and keep it: all clients share what it knows.
package final class RedisScript: Sendable {
    /// For logs and messages.
    package let name: String
    package let source: String
    private let known = Mutex<String?>(nil)

    package init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    /// The SHA-1, by which every server names the script, also one that does not have it yet. Counted at its first use, unless a server has
    /// told it in answer to `SCRIPT LOAD` before.
    package internal(set) var sha: String {
        get {
            if let sha = known.withLock({ $0 }) { return sha }
            let sha = SHA1.hex(source)
            known.withLock { $0 = sha }
            return sha
        }
        set { known.withLock { $0 = newValue } }
    }

    /// Gives the script to a server.
    var loading: [RedisArgument] { ["SCRIPT", "LOAD", .string(source)] }
}
