/// How a run stood at one moment, and which work items of it were found; what a diagnosis judges by.
package struct RunSnapshot: Sendable, Hashable {
    /// The fields of `run:<id>`.
    package struct Fields: Sendable, Hashable {
        package var workflow = ""
        package var status = RunStatus.running
        package var queue = "default"
        package var generation = "1"
        package var turn = ""
        package var turns = 0
        package var recorded = 0
        /// -1 before the first turn has ended.
        package var delivered = -1
        package var inline = ""
        package var reason: String?
        package var restarted: String?
        package var deadline: Int?
        /// Whether its function goes on only when none of its steps is open.
        package var joins = false
        /// Of an ending run, what was decided: `completed`, `failed`, `cancelled` or `continued`.
        package var ending: String?

        package init() {}
    }

    /// How a child stood, a moment later; with neither status nor parent it is not there.
    package struct Child: Sendable, Hashable {
        package var status: RunStatus?
        /// `<run> <generation> <step>`.
        package var parent: String?

        package init(status: RunStatus? = nil, parent: String? = nil) {
            (self.status, self.parent) = (status, parent)
        }
    }

    package var id: String
    /// `nil` if there is no `run:<id>`.
    package var fields: Fields?
    /// The `runs:<status>` that list it.
    package var listed: [RunStatus] = []
    /// Whether it is in `dead`; `nil` if that cannot be read.
    package var isDead: Bool? = false
    /// HLEN of `open:<id>`. One more may be open: see ``unwrittenStep``.
    package var openCount = 0
    /// `open:<id>`, step to text.
    package var open: [String: String] = [:]
    /// The children that open steps wait for.
    package var children: [String: Child] = [:]
    /// The steps that wait for an event and can be reached by it: they stand in the run's mailbox and in the event's list.
    package var listening: Set<String> = []
    /// The text of `join:<id>`.
    package var join: String?
    /// HLEN of `steps:<id>`.
    package var outcomeCount = 0
    /// The step of each outcome from number 1 on; `nil` for a number that is missing or cannot be read.
    package var outcomes: [String?] = []

    package init(id: String) {
        self.id = id
    }

    /// The step that the turn's holder executes, if it is not written to `open:<id>`: it has nothing more to tell.
    package var unwrittenStep: String? {
        guard let inline = fields?.inline, !inline.isEmpty, open.count == openCount, open[inline] == nil else {
            return nil
        }
        return inline
    }

    /// How many steps are open.
    package var openSteps: Int { openCount + (unwrittenStep == nil ? 0 : 1) }

    package var isLive: Bool { fields.map { !$0.status.isEnded } ?? false }
}

/// A work item, and where it was found.
package struct Mover: Sendable, Hashable {
    package enum Place: Sendable, Hashable {
        case queue(String)
        case claimed(worker: String, queue: String)
        case delayed(queue: String)
        case unserved(UnservedList)
    }

    /// The work item's text; of a turn the short one, whatever it brings along.
    package var text: String
    package var place: Place
    /// What lies there.
    package var item: String

    package init(_ item: String, _ place: Place) {
        self.item = item
        self.place = place
        text =
            if case .turn(let run, let generation)? = WorkItem(item) {
                WorkItem.turnText(run: run, generation: generation)
            } else { item }
    }
}

extension Mover.Place {
    var isUnserved: Bool { if case .unserved = self { true } else { false } }

    /// The queue whose workers get what lies there.
    var queueName: String {
        switch self {
        case .queue(let name), .claimed(_, let name), .delayed(let name): name
        case .unserved(let list): list.queue
        }
    }
}

extension Keys {
    /// The key that holds what is at a place.
    package func key(of place: Mover.Place) -> String {
        switch place {
        case .queue(let name): queue(name)
        case .claimed(let worker, let queue): claimed(worker, queue)
        case .delayed: delayed
        case .unserved(let list): unserved(list.queue, list.workflow)
        }
    }
}
