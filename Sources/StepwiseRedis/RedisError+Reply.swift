extension RedisError {
    /// The error that an error reply stands for. Its first word is its code, compared whole: `BUSY` is worth a second try,
    /// `BUSYGROUP` is not.
    /// - Parameter reply: the reply without its leading `-`.
    package init(reply: String) {
        let code = reply.prefix { $0 != " " }
        let kind: Kind =
            switch code {
            case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED", "BUSY", "NOREPLICAS":
                .unavailable
            case "NOAUTH", "WRONGPASS", "NOPERM", "DENIED":
                .denied
            // The greeting of a server that is full; it closes the connection after it.
            case "ERR" where reply.hasPrefix("ERR max number of clients reached"):
                .unavailable
            default:
                .refused
            }
        self.init(kind, reply)
    }

    /// Whether the server does not know the script that was asked for by its SHA-1 (no part of it was executed).
    var isUnknownScript: Bool { kind == .refused && message.hasPrefix("NOSCRIPT") }
}
