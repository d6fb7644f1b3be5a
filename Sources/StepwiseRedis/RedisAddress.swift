/// Where a Redis server is, and as whom and on which database to talk to it.
package struct RedisAddress: Sendable, Hashable {
    package enum Target: Sendable, Hashable {
        case tcp(host: String, port: Int)
        case unixSocket(path: String)
    }

    package var target: Target
    /// Whether the connection is encrypted and the server's certificate checked.
    package var tls: Bool
    package var username: String?
    package var password: String?
    package var database: Int

    package init(
        target: Target,
        tls: Bool = false,
        username: String? = nil,
        password: String? = nil,
        database: Int = 0
    ) {
        self.target = target
        self.tls = tls
        self.username = username
        self.password = password
        self.database = database
    }
}

extension RedisAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The address as a URL for logs and messages: without the password, and without the user name when there is no
    /// password beside it, because `redis://secret@host` is a common slip.
    package var description: String {
        let user = password == nil ? (username == nil ? "" : "***@") : (username ?? "") + ":***@"
        switch target {
        case .tcp(let host, let port):
            let bracketed = host.contains(":") ? "[\(host)]" : host
            return "\(tls ? "rediss" : "redis")://\(user)\(bracketed):\(port)" + (database == 0 ? "" : "/\(database)")
        case .unixSocket(let path):
            return "unix://\(user)\(path)" + (database == 0 ? "" : "?db=\(database)")
        }
    }

    package var debugDescription: String { description }

    /// `dump` and a failed `#expect` would print every property, the password too.
    package var customMirror: Mirror { Mirror(self, children: ["url": description]) }
}
