/// Everything that was seen of a run, and of what is to move it, at one moment; what its explanation is made of. A value.
package struct RunPicture: Sendable {
    package var id: String
    /// Redis' clock, in milliseconds since 1970, as all times here.
    package var now: Int
    /// `nil` if there is no such run.
    package var run: SeenRun?
    /// Its open steps, about 1,000 of them: step to text.
    package var open: [String: String] = [:]
    /// How many steps are open.
    package var openCount = 0
    /// Whether there are more open steps than were read.
    package var isPartlyRead = false
    /// The work items that were looked for.
    package var items: [SeenItem] = []
    /// When the delayed work items of its open steps are due: step to time.
    package var retries: [String: Int] = [:]
    package var fleet = SeenFleet()
    package var queuePause: SeenPause?
    package var workflowPause: SeenPause?
    /// How long its queue, and the list of what waits for a worker with its workflow, are; `nil` if not looked at.
    package var queueLength: Int?
    package var unservedLength: Int?
    /// By step.
    package var events: [String: SeenEvent] = [:]
    /// Names of events that are in its mailbox and that no step waits for; some of them.
    package var mail: [String] = []
    /// By their ids: the runs that it waits for, those that they wait for, and so on.
    package var children: [String: RunPicture] = [:]
    /// Of a failed run: what a resume keeps and what stands against it, if that was looked at.
    package var prospect: SeenProspect?
    /// How the run stands that has begun its work anew.
    package var restartedStatus: RunStatus?
    /// Where an id was looked for of which there is no run.
    package var missing: SeenMissing?
    package var memory: RedisMemory?
    package var hindrance: RedisHindrance?
    /// What the doctor has to say of it, the same at two looks.
    package var violations: [Violation] = []
    /// Whether the last look found something wrong that was not looked at again.
    package var isSuspect = false
    /// Whether it changed at each look.
    package var hasMoved = false
    /// Whether only its own keys were read, as of a child.
    package var isShallow = false

    package init(id: String, now: Int) { (self.id, self.now) = (id, now) }
}

/// The fields of a run that tell how it stands.
package struct SeenRun: Sendable, Hashable {
    package var workflow = ""
    package var status = RunStatus.running
    package var queue = "default"
    package var generation = "1"
    package var turn = ""
    package var recorded = 0
    /// -1 before the first turn has ended.
    package var delivered = -1
    package var inline = ""
    package var joins = false
    /// Whether a step of it has waited for an event.
    package var listens = false
    /// Since when it has its status.
    package var since: Int?
    package var created: Int?
    package var began: Int?
    package var ended: Int?
    package var startsAt: Int?
    package var deadline: Int?
    package var reason: String?
    package var divergence: Divergence?
    package var incompatibleVersions: [String] = []
    package var cancelled: String?
    package var ending: String?
    package var error: String?
    package var restarted: String?
    package var lost: String?
    package var continued = 0
    /// The step that made it: `<run> <generation> <step>`.
    package var parentText: String?

    package init() {}

    /// - Parameter fields: of `run:<id>`.
    package init?(_ fields: [String: String]) {
        guard let workflow = fields["workflow"], let status = fields["status"] else { return nil }
        func number(_ name: String) -> Int? { fields[name].flatMap { Int($0)?.bounded } }
        (self.workflow, self.status) = (workflow, RunStatus(rawValue: status))
        queue = fields["queue"] ?? "default"
        generation = fields["generation"] ?? ""
        turn = fields["turn"] ?? ""
        recorded = number("recorded") ?? 0
        delivered = number("delivered") ?? -1
        inline = fields["inline"] ?? ""
        joins = fields["joins"] == "1"
        listens = fields["listens"]?.isEmpty == false
        (created, began, ended) = (number("created"), number("began"), number("ended"))
        (startsAt, deadline) = (number("startsAt"), number("deadline"))
        reason = fields["reason"]
        divergence = fields["divergence"].flatMap { try? JSON.decode(Divergence.self, from: Array($0.utf8), what: "") }
        incompatibleVersions = fields["unfit"]?.split(separator: " ").map(String.init) ?? []
        (cancelled, ending, error) = (fields["cancelled"], fields["ending"], fields["error"])
        (restarted, lost) = (fields["restarted"], fields["lost"])
        continued = number("continued") ?? 0
        parentText = fields["parent"]
    }

    /// The fields that it reads.
    package static let names = [
        "workflow", "status", "queue", "generation", "turn", "recorded", "delivered", "inline", "joins", "listens",
        "created",
        "began", "ended", "startsAt", "deadline", "reason", "divergence", "unfit", "cancelled", "ending", "error",
        "restarted", "lost", "continued", "parent",
    ]

    /// The run that waits for it.
    package var parent: String? { parentText.flatMap { ParentStep($0)?.run } }

    /// The worker that holds the turn.
    package var holder: String? { turn.contains(" ") ? String(turn.prefix { $0 != " " }) : nil }

    /// How many workers in a row were lost with the turn since the last outcome.
    package var lostTurns: Int {
        let parts = lost?.split(separator: " ").prefix(2).compactMap { Int($0) } ?? []
        return parts.count == 2 && parts[1] == recorded ? parts[0] : 0
    }

    /// What tells that it has moved between two looks.
    package var stand: [String] {
        [status.rawValue, generation, turn, String(recorded), String(delivered), inline, ending ?? ""]
    }
}

/// A work item that is to move a run, and where it was found.
package struct SeenItem: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        case turn
        case step(String)
        case end
        /// The message that a child has ended, to the step that waits for it.
        case ended(step: String)
    }

    package enum Place: Sendable, Hashable {
        /// How many are ahead of it.
        case queue(ahead: Int)
        case claimed(worker: String)
        /// Until when.
        case delayed(Int)
        case unserved
    }

    package var kind: Kind
    /// The work item's text, of a turn the short one.
    package var text: String
    /// `nil` if it was not found.
    package var place: Place?
    /// Whether its queue is longer than what was looked through.
    package var mayBeInQueue = false
    /// Whether there are claims that were not looked at.
    package var mayBeClaimed = false

    package init(_ kind: Kind, _ text: String, _ place: Place? = nil) {
        (self.kind, self.text, self.place) = (kind, text, place)
    }

    /// Whether it was looked for everywhere.
    package var isNowhere: Bool { place == nil && !mayBeInQueue && !mayBeClaimed }
}

/// Who has paused a queue or a workflow, when and why, as far as that can be read.
package struct SeenPause: Sendable, Hashable {
    package var since: Int?
    package var by: String?
    package var reason: String?

    package init(since: Int? = nil, by: String? = nil, reason: String? = nil) {
        (self.since, self.by, self.reason) = (since, by, reason)
    }

    /// - Parameter text: a ``PauseNote``; `nil` where nothing is paused.
    package init?(_ text: String?) {
        guard let note = text.map({ PauseNote($0) }) else { return nil }
        self.init(since: note.since == 0 ? nil : note.since.bounded, by: note.by, reason: note.reason)
    }
}

/// What is known of a wait for an event.
package struct SeenEvent: Sendable, Hashable {
    /// Since when it waits, if the event's list tells.
    package var since: Int?
    /// How many steps of all runs wait for that event.
    package var waiting: Int
    /// Whether who sends one finds it: it is in the event's list, and in its run's mailbox.
    package var isListening: Bool

    package init(since: Int? = nil, waiting: Int = 0, isListening: Bool = true) {
        (self.since, self.waiting, self.isListening) = (since, waiting, isListening)
    }
}

/// What a resume of a failed run would do.
package struct SeenProspect: Sendable, Hashable {
    /// How many outcomes stay.
    package var keep: Int?
    /// What is tried again; `nil` is its function.
    package var again: String?
    /// Why it cannot be resumed.
    package var obstacle: String?

    package init(keep: Int? = nil, again: String? = nil, obstacle: String? = nil) {
        (self.keep, self.again, self.obstacle) = (keep, again, obstacle)
    }
}

/// Where an id was found that is not a run.
package struct SeenMissing: Sendable, Hashable {
    package struct Pushed: Sendable, Hashable {
        package var queue: String
        package var workflow: String?
        /// From 1 on, the next to be taken first.
        package var place: Int
        package var length: Int
        /// Whether it lies in the engine's own queue, not in an inbox.
        package var isMisplaced = false

        package init(queue: String, workflow: String?, place: Int, length: Int) {
            (self.queue, self.workflow, self.place, self.length) = (queue, workflow, place, length)
        }
    }

    package struct Rejected: Sendable, Hashable {
        package var queue: String
        package var reason: String
        package var at: Int?

        package init(queue: String, reason: String, at: Int?) {
            (self.queue, self.reason, self.at) = (queue, reason, at)
        }
    }

    package var pushed: Pushed?
    /// The worker that has claimed it from an inbox and has not made a run of it.
    package var acceptedBy: String?
    /// From which queue's inbox.
    package var acceptedFrom: String?
    package var rejected: Rejected?
    /// Other namespaces of this database that have a run of that id, as far as that was looked at.
    package var elsewhere: [String] = []
    /// How many events wait for it, and when the last was sent.
    package var events: Int?
    package var lastEvent: Int?
    /// What was not looked at.
    package var unseen: [String] = []

    /// Whether nothing is there for the id.
    var isNothing: Bool { pushed == nil && acceptedBy == nil && rejected == nil && events == nil }

    package init() {}
}
