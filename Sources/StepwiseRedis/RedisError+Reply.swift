extension RedisError {
    /// The error that an error reply stands for. Its first word is its code, compared whole: `BUSY` is worth a second try,
    /// `BUSYGROUP` is not.
    /// - Parameter reply: the reply without its leading `-`.
    package init(reply: String) {
        let code = Self.code(of: reply)
        let kind: Kind =
            switch code {
            case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "ASK", "TRYAGAIN", "UNBLOCKED", "BUSY",
                "NOREPLICAS":
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
        self.init(kind, reply, fault: Self.fault(of: reply, code, kind))
    }

    private static func fault(of reply: String, _ code: Substring, _ kind: Kind) -> Fault? {
        switch code {
        // Protected mode says by itself what to do.
        case "NOAUTH", "WRONGPASS", "DENIED": .password
        case "MOVED": .cluster
        // Not one that is only away: nobody has the slot.
        case "CLUSTERDOWN" where reply.contains("slot not served"): .cluster
        case "NOREPLICAS": .replicas
        case "MISCONF": .disk
        case "OOM": .memory
        default:
            kind == .denied ? .permission : reply.hasPrefix("ERR max number of clients reached") ? .connections : nil
        }
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

    /// What may help, where the message does not say it; empty if that is not known.
    package var advice: String {
        switch fault {
        case .memory: "; redis' memory is full: \(Self.adviceWhenFull); then try again"
        case .disk: "; redis cannot save its data: look at its log and its disk, and try again"
        case .replicas:
            "; redis has fewer replicas than a write needs: start them, or lower its min-replicas-to-write, and try again"
        case .connections: "; redis has as many connections as it takes: raise its maxclients, or close some"
        case .permission: "; give the user that right: the guide \"Permissions\" has the lines"
        case .cluster: "; this server is a node of a cluster: \(adviceInCluster)"
        case .password, .certificate, .host, nil: ""
        }
    }

    /// All keys of a namespace are in one slot.
    private var adviceInCluster: String {
        let words = message.split(separator: " ")
        return words.count == 3 && words[0] == "MOVED"
            ? "name in the URL the node that has the namespace, \(words[2]), or a server that is not a cluster"
            : "give its slots to its nodes (redis-cli --cluster fix), or name a server that is not a cluster"
    }

    /// Whether it may pass by itself: an outage, or a server that takes no writes for a while. Who only asks may ask again.
    package var mayPass: Bool {
        !isPermanent && (kind == .unavailable || kind == .ambiguous || fault?.stopsWrites == true)
    }

    /// Whether the server has no such command: it is of another version, or somebody has renamed the command away.
    package var isUnknownCommand: Bool {
        kind == .refused
            && (message.hasPrefix("ERR unknown command") || message.contains("Unknown Redis command called from"))
    }

    /// Whether the server does not know the script that was asked for by its SHA-1 (no part of it was executed).
    var isUnknownScript: Bool { kind == .refused && message.hasPrefix("NOSCRIPT") }
}
