/// What the server said of itself when the connection was made. A server that forbids `CLIENT` or `INFO` to the user
/// leaves 0 and empty texts.
package struct RedisSession: Sendable, Hashable {
    /// The connection's number on its server; 0 if the server does not tell.
    package var clientID: Int
    /// The server process's own random id: another one means a restarted or another server.
    package var runID: String
    /// `master` or `slave`.
    package var role: String
    /// Such as `7.0.15`.
    package var version: String
    /// `maxmemory_policy`, such as `noeviction`.
    package var evictionPolicy: String

    package init(clientID: Int, runID: String, role: String, version: String, evictionPolicy: String) {
        self.clientID = clientID
        self.runID = runID
        self.role = role
        self.version = version
        self.evictionPolicy = evictionPolicy
    }
}
