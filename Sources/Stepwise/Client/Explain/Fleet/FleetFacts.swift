/// What was read of a namespace to explain it: exact counts, and bounded samples. A value. Times are milliseconds since 1970 by Redis' clock.
package struct FleetFacts: Sendable {
    package var now: Int
    package var memory: RedisMemory?
    package var hindrance: RedisHindrance?
    /// How many runs have each status that is not an end.
    package var counts: [RunStatus: Int] = [:]
    package var workers = Workers()
    package var pauses: [Pause] = []
    /// The queues that were looked at, by name.
    package var queues: [String: Queue] = [:]
    /// How many more queues hold something that were not looked at.
    package var otherQueues = 0
    /// How many work items wait for a worker that has their workflow, of the lists that were looked at.
    package var unserved: [UnservedList: Int] = [:]
    /// Whether every queue and every list of ``unserved`` was found.
    package var areListsKnown = true
    package var overdue = Overdue()
    /// Of each status the runs that have had it for longest; of `failed` those that failed last.
    package var samples: [RunStatus: [Run]] = [:]
    /// How many runs have failed within the last hour and wait for a decision.
    package var failed = 0
    package var malformed = Malformed()
    /// How many runs have been queued or running for longer than ``Look/patience``.
    package var still = 0
    /// Those of them that have an item in a queue from which nobody claims, or are overdue.
    package var stillListed: Set<String> = []
    /// Runs that were asked about one by one.
    package var looks: [Look] = []
    package var pausedSchedules: [PausedSchedule] = []
    /// Whether all schedules were looked at.
    package var areSchedulesKnown = true

    package init(now: Int) { self.now = now }

    /// The statuses of live runs.
    package static let live: [RunStatus] = [.queued, .running, .noWorker, .parked, .paused, .ending]

    package struct Workers: Sendable, Hashable {
        /// How many have beaten lately.
        package var alive = 0
        /// How many have not, and were not declared dead.
        package var silent = 0
        /// How many were declared dead within the last hour.
        package var dead = 0
        /// Those with the youngest beats, without the dead.
        package var looked: [SeenWorker] = []
        /// What keeps one from its work although it beats, in words: by its name.
        package var troubles: [String: String] = [:]

        package init() {}

        package var living: [SeenWorker] { looked.filter { !$0.isSilent } }
        /// Whether all that are alive were looked at: if not, nothing can be said of what nobody serves.
        package var areAllLooked: Bool { living.count >= alive }
    }

    package struct Pause: Sendable, Hashable {
        package var isQueue: Bool
        package var name: String
        package var seen: SeenPause

        /// - Parameters:
        ///   - field: `queue:<queue>` or `workflow:<workflow>`.
        ///   - text: what is stored of it.
        /// - Returns: `nil` for another field.
        package init?(field: String, text: String) {
            let words = field.words(atMost: 2, between: ":")
            guard words.count == 2, words[0] == "queue" || words[0] == "workflow", let seen = SeenPause(text) else {
                return nil
            }
            (isQueue, name, self.seen) = (words[0] == "queue", words[1], seen)
        }

        /// ` since 2026-11-26 09:14:02Z (3 d) by ada: why`.
        func words(now: Int) -> String {
            let time = seen.since.map { " since \(Facts.time($0)) (\(Facts.length(max(0, now - $0))))" } ?? ""
            return time + (seen.by.map { " by \(Facts.name($0))" } ?? "")
                + (seen.reason.map { ": \(Facts.text($0))" } ?? "")
        }
    }

    package struct Queue: Sendable {
        /// Work items that are ready.
        package var ready: Int
        /// Pushed items.
        package var pushed: Int
        /// The runs of its oldest work items, each once; looked for if nobody claims from it.
        package var runs: [String] = []
        /// Whether ``runs`` is of all its work items.
        package var isWhole = false

        package init(ready: Int, pushed: Int) { (self.ready, self.pushed) = (ready, pushed) }
    }

    /// Entries of `delayed` that nobody has moved although their time has come.
    package struct Overdue: Sendable {
        package var count = 0
        package var oldest: Int?
        package var runs: [String] = []

        package init() {}

        /// For how long an entry may be due: workers look for such several times a second.
        package static let grace = 5000
    }

    package struct Run: Sendable {
        package var id: String
        /// When it came to its status.
        package var since: Int
        package var workflow: String
        package var queue: String
        package var reason: String?
        package var incompatibleVersions: [String] = []
        package var startsAt: Int?
        package var deadline: Int?
        package var isDiverged = false
        /// Its stored error.
        package var error: String?
        package var open: [String: OpenStep] = [:]

        package init(id: String, since: Int, workflow: String, queue: String, reason: String? = nil) {
            (self.id, self.since, self.workflow, self.queue) = (id, since, workflow, queue)
            self.reason = reason
        }
    }
}

extension FleetFacts {
    /// The rejected items.
    package struct Malformed: Sendable, Hashable {
        package var count = 0
        /// Of the newest, why and when it was rejected, and from which queue.
        package var reason = ""
        package var queue = ""
        package var at: Int?
        /// The ids in the newest ones, as far as these have one.
        package var runs: [String] = []

        package init() {}
    }

    /// What was found of one run.
    package struct Look: Sendable {
        package var run: Run
        package var explanation: Explanation

        package init(_ run: Run, _ explanation: Explanation) { (self.run, self.explanation) = (run, explanation) }

        /// For how long a run may be queued or running until it is asked about, in milliseconds.
        package static let patience = 10_000
    }

    package struct PausedSchedule: Sendable, Hashable {
        package var name: String
        package var workflow: String
        package var since: Int

        package init(name: String, workflow: String, since: Int) {
            (self.name, self.workflow, self.since) = (name, workflow, since)
        }
    }
}

extension FleetFacts.Run {
    /// Whether a time, an event or another run is to move it, as its open steps tell.
    func waits(now: Int) -> Bool {
        if let startsAt, startsAt > now { return true }
        return !open.isEmpty
            && open.values.allSatisfy { step in
                ["child", "timer", "event"].contains(step.place) || (step.called ?? 0) > now
            }
    }
}
