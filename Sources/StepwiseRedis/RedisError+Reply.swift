extension RedisError {
    /// The error that an error reply stands for. Its first word is its code, compared whole: `BUSY` is worth a second try,
    /// `BUSYGROUP` is not.
    /// - Parameter reply: the reply without its leading `-`.
    package init(reply: String) {
        let code = Self.code(of: reply)
        let kind: Kind =
            switch code {
            case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNBLOCKED", "BUSY", "NOREPLICAS":
                .unavailable
            case "NOAUTH", "WRONGPASS", "NOPERM", "DENIED":
                .denied
            // The greeting of a server that is full; it closes the connection after it.
            case "ERR" where reply.hasPrefix("ERR max number of clients reached"):
                .unavailable
            case _ where Self.isDeniedInScript(reply):
                .denied
            default:
                .refused
            }
        self.init(kind, reply)
    }

    /// Whether a script called a command, or named a key or a channel, that its user may not: in Redis' words before 7.2, and since. Before 7
    /// they are wrapped, like every error of a script.
    private static func isDeniedInScript(_ reply: String) -> Bool {
        let isWrapped = reply.hasPrefix("ERR Error running script") || reply.hasPrefix("@user_script:")
        return ["The user executing the script ", "ACL failure in script: "].contains { words in
            reply.hasPrefix("ERR \(words)") || isWrapped && reply.contains(words)
        }
    }

    /// Redis before 7 wraps the error of a command that a script called: `ERR Error running script (…): @user_script: 3: -OOM …`.
    private static func code(of reply: String) -> Substring {
        guard reply.hasPrefix("ERR Error running script"), let wrapped = reply.firstRange(of: ": -") else {
            return reply.prefix { $0 != " " }
        }
        return reply[wrapped.upperBound...].prefix { $0 != " " }
    }

    /// Whether the server takes no writes: it has become a replica, and another one behind the same address may be the master.
    var isFromReplica: Bool { kind == .unavailable && message.contains("READONLY") }

    /// What helps when Redis' memory is full.
    package static let adviceWhenFull =
        "raise its maxmemory, remove what nobody needs (stepwise events --kept --clear, --expected --clear, "
        + "stepwise queues --malformed --clear), or let workers keep ended runs for a shorter time"

    /// What may help against a server that takes no writes; empty if that is not known.
    package var advice: String {
        guard kind == .refused else { return "" }
        return switch Self.code(of: message) {
        case "OOM": "; redis' memory is full: \(Self.adviceWhenFull); then try again"
        case "MISCONF": "; redis cannot save its data: look at its log and its disk, and try again"
        default: ""
        }
    }

    /// Whether it may pass by itself: an outage, or a server that takes no writes for a while. Who only asks may ask again.
    package var mayPass: Bool { kind == .unavailable || kind == .ambiguous || !advice.isEmpty }

    /// Whether the server has no such command: it is of another version, or somebody has renamed the command away.
    package var isUnknownCommand: Bool {
        kind == .refused
            && (message.hasPrefix("ERR unknown command") || message.contains("Unknown Redis command called from"))
    }

    /// Whether the server does not know the script that was asked for by its SHA-1 (no part of it was executed).
    var isUnknownScript: Bool { kind == .refused && message.hasPrefix("NOSCRIPT") }
}
