/// A key of a namespace, as the Redis contract names it.
package enum NamespaceKey: Sendable, Hashable {
    case queue(String)
    case claimed(worker: String, queue: String)
    case inbox(String)
    case accepting(worker: String, queue: String)
    case unserved(UnservedList)
    case unfit(String)
    case worker(String)
    case busy(String)
    case stats(String)
    case run(String)
    case steps(String)
    case open(String)
    case join(String)
    case runs(RunStatus)
    case event(String)
    case mail(String)
    case kept(String)
    case seen(String)
    case expectedPushed(String)
    case waitingPushed(String)
    case label(String)
    /// One of those that a namespace has once, such as `delayed`.
    case single(String)

    private static let singles = [
        "workers": "zset", "delayed": "zset", "dead": "zset", "malformed": "list", "redelivered": "hash",
        "schedules": "hash",
        "meta": "hash", "paused": "hash", "expected": "zset", "scratch": "string",
        "pushed:queues": "zset", "keeping": "zset", "waiting:enqueued": "zset",
    ]

    /// - Parameter name: the key without the namespace's prefix. `nil` for a name that the contract does not know.
    package init?(_ name: String) {
        if Self.singles[name] != nil {
            self = .single(name)
            return
        }
        // By bytes: what a user calls a run may join the colon to one character.
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let rest = String(name.utf8[name.utf8.index(after: colon)...]) ?? ""
        if rest.isEmpty { return nil }
        switch name[..<colon] {
        case "queue":
            guard Identifier.problem(withQueue: rest) == nil else { return nil }
            self = .queue(rest)
        case "claimed":
            guard let (worker, queue) = Self.workerAndQueue(rest) else { return nil }
            self = .claimed(worker: worker, queue: queue)
        case "inbox":
            guard Identifier.problem(withQueue: rest) == nil else { return nil }
            self = .inbox(rest)
        case "accepting":
            guard let (worker, queue) = Self.workerAndQueue(rest) else { return nil }
            self = .accepting(worker: worker, queue: queue)
        case "unserved":
            guard let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")), let queue = String(rest.utf8[..<colon]),
                let workflow = String(rest.utf8[rest.utf8.index(after: colon)...]), !workflow.isEmpty,
                queue == "*" || Identifier.problem(withQueue: queue) == nil
            else { return nil }
            self = .unserved(UnservedList(queue: queue, workflow: workflow))
        case "unfit": self = .unfit(rest)
        case "worker": self = .worker(rest)
        case "busy": self = .busy(rest)
        case "stats":
            guard rest == "*" || Int(rest).map({ $0 >= 0 && String($0) == rest }) == true else { return nil }
            self = .stats(rest)
        case "run": self = .run(rest)
        case "steps": self = .steps(rest)
        case "open": self = .open(rest)
        case "join": self = .join(rest)
        case "event": self = .event(rest)
        case "mail": self = .mail(rest)
        case "kept": self = .kept(rest)
        case "seen": self = .seen(rest)
        case "expected":
            guard let queue = Self.pushedQueue(rest) else { return nil }
            self = .expectedPushed(queue)
        case "waiting":
            guard let queue = Self.pushedQueue(rest) else { return nil }
            self = .waitingPushed(queue)
        case "label":
            guard RunLabels.problem(withName: rest) == nil else { return nil }
            self = .label(rest)
        case "runs":
            let status = RunStatus(rawValue: rest)
            guard RunStatus.all.contains(status) else { return nil }
            self = .runs(status)
        default: return nil
        }
    }

    /// The queue behind `pushed:`; `*`, which stands for any, in the kinds of keys.
    private static func pushedQueue(_ rest: String) -> String? {
        let word = "pushed:"
        guard rest.utf8.starts(with: word.utf8), let queue = String(rest.utf8.dropFirst(word.utf8.count)),
            queue == "*" || Identifier.problem(withQueue: queue) == nil
        else { return nil }
        return queue
    }

    /// Neither a worker's name nor a queue's has a colon.
    private static func workerAndQueue(_ rest: String) -> (worker: String, queue: String)? {
        guard let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")), colon != rest.startIndex,
            let worker = String(rest.utf8[..<colon]), let queue = String(rest.utf8[rest.utf8.index(after: colon)...]),
            Identifier.problem(withQueue: queue) == nil
        else { return nil }
        return (worker, queue)
    }

    /// What `TYPE` says of it.
    package var type: String? {
        switch self {
        case .queue, .claimed, .inbox, .accepting, .unserved: "list"
        case .worker, .busy, .stats, .run, .steps, .open, .unfit: "hash"
        case .join, .kept: "string"
        case .runs, .event, .mail, .seen, .expectedPushed, .waitingPushed, .label: "zset"
        case .single(let name): Self.singles[name]
        }
    }

    /// The run that the key belongs to.
    package var runID: String? {
        switch self {
        case .run(let id), .steps(let id), .open(let id), .join(let id): id
        default: nil
        }
    }
}
