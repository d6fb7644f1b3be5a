extension RedisError {
    /// The error that an error reply stands for. Its first word is its code, compared whole: `BUSY` is worth a second try,
    /// `BUSYGROUP` is not.
    ///
    /// | code | kind | fault | ``mayPass`` |
    /// |---|---|---|---|
    /// | LOADING, READONLY, MASTERDOWN, CLUSTERDOWN, ASK, TRYAGAIN, UNBLOCKED, BUSY | unavailable | | yes |
    /// | NOREPLICAS | unavailable | replicas | yes |
    /// | `ERR max number of clients reached`, after which the server closes the connection | unavailable | connections | yes |
    /// | OOM | refused | memory | yes |
    /// | MISCONF | refused | disk | yes |
    /// | NOSCRIPT | refused | | yes: it is loaded again |
    /// | CLUSTERDOWN for a slot that nobody has | unavailable | cluster | no |
    /// | MOVED | refused | cluster | no |
    /// | NOAUTH, WRONGPASS; DENIED, of the protected mode, which says by itself what to do | denied | password | no |
    /// | NOPERM, and what a script says in its place | denied | permission | no |
    /// | any other | refused | | no |
    ///
    /// - Parameter reply: the reply without its leading `-`.
    package init(reply: String) {
        let meaning = Self.meaning(of: reply)
        self.init(meaning.kind, reply, fault: meaning.fault)
    }

    private static func meaning(of reply: String) -> (kind: Kind, fault: Fault?) {
        switch code(of: reply) {
        case "CLUSTERDOWN" where reply.contains("slot not served"): (.unavailable, .cluster)
        case "LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "ASK", "TRYAGAIN", "UNBLOCKED", "BUSY":
            (.unavailable, nil)
        case "NOREPLICAS": (.unavailable, .replicas)
        case "ERR" where reply.hasPrefix("ERR max number of clients reached"): (.unavailable, .connections)
        case "OOM": (.refused, .memory)
        case "MISCONF": (.refused, .disk)
        case "MOVED": (.refused, .cluster)
        case "NOAUTH", "WRONGPASS", "DENIED": (.denied, .password)
        case "NOPERM": (.denied, .permission)
        case _ where isDeniedInScript(reply): (.denied, .permission)
        default: (.refused, nil)
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

    /// Whether nothing came of the server for as long as it had.
    package var isSilence: Bool { message.hasPrefix("the server has been silent for ") }

    /// Whether what has answered is no Redis.
    var isOtherProtocol: Bool { message.hasPrefix(Self.otherProtocol) }

    /// Whether a connection was ended from the other side, as opposed to one on which nothing came.
    var isEndAtOnce: Bool { kind == .ambiguous && fault == nil && !isSilence }

    /// Whether it says that the server is a replica: in Redis' words, or in ours, maybe within a longer sentence.
    var isOfReplica: Bool { message.contains("READONLY") || message.contains(RedisError.replica.message) }

    /// What helps when Redis' memory is full.
    ///
    /// - Parameter clearing: the commands that remove what nobody needs.
    package static func adviceWhenFull(clearing: String) -> String {
        "raise its maxmemory, remove what nobody needs of a namespace (\(clearing)), or let workers keep ended runs "
            + "for a shorter time"
    }

    /// Where it is not known which namespace it is.
    private static let anyClearing =
        "the command line's events --kept --clear, events --expected --clear and queues --malformed --clear"

    /// What helps where Redis takes no writes because it follows another server.
    package static let adviceAtReplica =
        "name its master in the URL, or wait until it has become a master itself"

    /// What helps where Redis has fewer replicas than a write needs.
    package static let adviceWithoutReplicas = "start them, or lower its min-replicas-to-write"

    /// What helps where Redis cannot save its data.
    package static let adviceWhenUnsaved = "look at its log and its disk"

    /// What may help, where the message does not say it; empty if that is not known.
    package var advice: String { advice(clearing: Self.anyClearing) }

    /// The same.
    ///
    /// - Parameter commands: those that remove what nobody needs of a namespace.
    package func advice(clearing commands: String) -> String {
        switch fault {
        case .memory: "; redis' memory is full: \(Self.adviceWhenFull(clearing: commands)); then try again"
        case .disk: "; redis cannot save its data: \(Self.adviceWhenUnsaved), and try again"
        case .replicas: "; redis has fewer replicas than a write needs: \(Self.adviceWithoutReplicas), and try again"
        case .connections: "; redis has as many connections as it takes: raise its maxclients, or close some"
        case .permission: "; give the user that right: the guide \"Permissions\" has the lines"
        case .cluster: "; this server is a node of a cluster: \(adviceInCluster)"
        case nil where Self.code(of: message) == "READONLY": "; this server is a replica: \(Self.adviceAtReplica)"
        case nil where Self.code(of: message) == "LOADING": "; wait until it has read its data"
        case nil where Self.code(of: message) == "BUSY":
            "; a script has run for long there: wait, or end it with SCRIPT KILL if it is none of yours"
        case nil where message.hasPrefix(Self.otherProtocol): "; check that the address is a Redis server's"
        case .password, .certificate, .host, .scheme, nil: ""
        }
    }

    /// All keys of a namespace are in one slot.
    private var adviceInCluster: String {
        let words = message.split(separator: " ")
        return words.count == 3 && words[0] == "MOVED"
            ? "name in the URL the node that has the namespace, \(words[2]), or a server that is not a cluster"
            : "give its slots to its nodes (redis-cli --cluster fix), or name a server that is not a cluster"
    }

    /// Whether it may pass by itself: an outage, a server that takes no writes for a while, or a script that was forgotten. What may arrive twice
    /// may be sent again. The table is at ``init(reply:)``.
    package var mayPass: Bool {
        if isPermanent { return false }
        return kind == .unavailable || kind == .ambiguous || fault?.stopsWrites == true || isUnknownScript
    }

    /// Whether the server has no such command: it is of another version, or somebody has renamed the command away.
    package var isUnknownCommand: Bool {
        kind == .refused
            && (message.hasPrefix("ERR unknown command") || message.contains("Unknown Redis command called from"))
    }

    /// Whether the server does not know the script that was asked for by its SHA-1 (no part of it was executed).
    var isUnknownScript: Bool { kind == .refused && message.hasPrefix("NOSCRIPT") }
}
