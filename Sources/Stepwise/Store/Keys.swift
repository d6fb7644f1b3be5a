/// The names of a namespace's keys in Redis. README has the table; a user's id or name is always the last part.
///
/// Only ``NamespaceKey`` reads such a name again, for who looks over a whole namespace.
package struct Keys: Sendable, Hashable {
    package let namespace: String
    /// What every key of the namespace begins with.
    package let prefix: String
    /// What leads a command to the namespace; each option with a space before it.
    private let commandOptions: String
    /// What leads redis-cli to the server and its database, in the same way.
    private let redisOptions: String

    /// - Parameters:
    ///   - namespace: part of every key.
    ///   - commandOptions: what a command of the command line needs; `nil`: the namespace, unless it is the default one.
    ///   - redis: where a command of redis-cli is to go; `nil`: where it goes by itself.
    /// - Throws: ``StepwiseError`` with code `invalidIdentifier` unless the namespace is made of `A-Z a-z 0-9 _ -`.
    package init(
        namespace: String, commandOptions: [String]? = nil, redis: RedisEndpoint? = nil
    ) throws(StepwiseError) {
        try Identifier.checkNamespace(namespace)
        self.namespace = namespace
        let options = commandOptions ?? (namespace == "default" ? [] : ["--namespace", namespace])
        self.commandOptions = options.map { " " + ($0.hasPrefix("--") ? $0 : $0.shellWord) }.joined()
        redisOptions = (redis?.redisCommandOptions ?? []).map { " " + $0.shellWord }.joined()
        prefix = "stepwise:{\(namespace)}:"
    }

    /// A command of the command line, for a person to paste.
    ///
    /// - Parameter words: what follows the program's name; those that a user has chosen are words of a shell (`shellWord`).
    package func command(_ words: String) -> String { "stepwise \(words)\(commandOptions)" }

    /// A command of redis-cli that a shell takes as it is.
    package func redisCommand(_ words: String...) -> String {
        "redis-cli\(redisOptions) " + words.map(\.shellWord).joined(separator: " ")
    }

    /// What removes what nobody needs of the namespace, for who has to make room.
    package var clearingCommands: String {
        let commands = ["events --kept --clear", "events --expected --clear", "queues --malformed --clear"]
        return commands.map { "`\(command($0))`" }.joined(separator: ", ")
    }

    /// In one piece of memory: a run's keys are made for each of its work items.
    private func key(_ kind: String, _ name: String, _ rest: String? = nil) -> String {
        var key = ""
        key.reserveCapacity(prefix.utf8.count + kind.utf8.count + name.utf8.count + (rest?.utf8.count ?? 0) + 1)
        key += prefix
        key += kind
        key += name
        if let rest {
            key += ":"
            key += rest
        }
        return key
    }

    /// Work items that are ready; the engine alone writes here.
    package func queue(_ queue: String) -> String { key("queue:", queue) }
    /// Pushed items: the only kind of key that other services write.
    package func inbox(_ queue: String) -> String { key("inbox:", queue) }
    package func claimed(_ worker: String, _ queue: String) -> String { key("claimed:", worker, queue) }
    /// The pushed items that a worker has claimed and has not accepted or refused yet.
    package func accepting(_ worker: String, _ queue: String) -> String { key("accepting:", worker, queue) }
    package var workers: String { "\(prefix)workers" }
    package func worker(_ worker: String) -> String { "\(prefix)worker:\(worker)" }
    /// What a worker's bodies do.
    package func busy(_ worker: String) -> String { "\(prefix)busy:\(worker)" }
    /// How much workers did in a minute, counted since 1970.
    package func stats(_ minute: String) -> String { "\(prefix)stats:\(minute)" }
    package func run(_ id: String) -> String { key("run:", id) }
    package func steps(_ id: String) -> String { key("steps:", id) }
    package func open(_ id: String) -> String { key("open:", id) }
    package func join(_ id: String) -> String { key("join:", id) }
    package var delayed: String { "\(prefix)delayed" }
    package func runs(_ status: RunStatus) -> String { key("runs:", status.rawValue) }
    package func unserved(_ queue: String, _ workflow: String) -> String { key("unserved:", queue, workflow) }
    package func unfit(_ workflow: String) -> String { "\(prefix)unfit:\(workflow)" }
    package var paused: String { "\(prefix)paused" }
    /// Who waits for an event.
    package func event(_ name: String) -> String { "\(prefix)event:\(name)" }
    /// An event that is kept for those who come later.
    package func kept(_ event: String) -> String { "\(prefix)kept:\(event)" }
    /// What was sent to a run, and the steps of it that wait for something to be sent.
    package func mail(_ id: String) -> String { "\(prefix)mail:\(id)" }
    /// The ids of the events that were sent to a run, or by it.
    package func seen(_ id: String) -> String { "\(prefix)seen:\(id)" }
    /// The runs that were sent events before they existed.
    package var expected: String { "\(prefix)expected" }
    /// Runs to which events were pushed through a queue's inbox before they existed, and before anybody else had sent them one.
    package func expectedPushed(_ queue: String) -> String { key("expected:", "pushed", queue) }
    /// The names of which a pushed event is kept, with the times until when.
    package var keeping: String { "\(prefix)keeping" }
    /// Pushed runs of a queue that wait, parked, unserved or for their start, and that have never opened a step.
    package func waitingPushed(_ queue: String) -> String { key("waiting:", "pushed", queue) }
    /// The queues that have, or had, one of these two lists.
    package var pushedQueues: String { "\(prefix)pushed:queues" }
    /// The same of runs that were enqueued.
    package var waitingEnqueued: String { "\(prefix)waiting:enqueued" }
    package var dead: String { "\(prefix)dead" }
    /// The index of a label: the runs that have it, by its value.
    package func label(_ name: String) -> String { key("label:", name) }
    package var malformed: String { "\(prefix)malformed" }
    package var redelivered: String { "\(prefix)redelivered" }
    package var schedules: String { "\(prefix)schedules" }
    package var meta: String { "\(prefix)meta" }
    /// Nobody's: a worker that starts tries commands on it, and leaves nothing behind.
    package var scratch: String { "\(prefix)scratch" }
    /// The pub/sub channel on which a run's end is announced to those who await it; nothing correct depends on it.
    package func ended(_ id: String) -> String { "\(prefix)ended:\(id)" }
    /// A key of each kind that a worker of these queues writes. It has `*` for a name or an id: to an ACL it is the pattern of its kind.
    package func kinds(queues: [String]) -> [String] {
        let singles = [
            workers, delayed, paused, expected, pushedQueues, keeping, waitingEnqueued, dead, malformed, redelivered,
            schedules, meta,
        ]
        let ofRuns = [run("*"), steps("*"), open("*"), join("*"), mail("*"), seen("*")]
        // Upkeep looks after the lists of every queue.
        let others = [
            worker("*"), unserved("*", "*"), unfit("*"), event("*"), kept("*"), expectedPushed("*"), waitingPushed("*"),
            busy("*"), stats("*"), label("*"),
        ]
        var kinds = singles + ofRuns + others
        kinds += RunStatus.all.map { runs($0) }
        for queue in queues { kinds += [self.queue(queue), claimed("*", queue), inbox(queue), accepting("*", queue)] }
        return kinds
    }

    /// For SCAN: every key of the namespace that begins like this.
    package func pattern(_ start: String) -> String { "\(prefix)\(start)*" }
}
