internal import StepwiseRedis

/// One change of a schedule, as the script `schedule` makes it: workers and clients both do.
struct ScheduleChange: Sendable {
    var name: String
    /// Its JSON as it was read; empty if there was none.
    var before: [UInt8]
    /// Its JSON from now on; empty to remove it.
    var after: [UInt8]
    /// The timer that is due and is dealt with by this.
    var due: String?
    /// Another timer that goes.
    var leaves: String?
    var arrives: (entry: String, at: Int)?
    var run: (id: String, schedule: Schedule)?

    enum Reply: Sendable {
        case done(isNew: Bool)
        /// Its JSON is another now; nothing was changed.
        case changed
        /// The timer is not there, or not due.
        case notDue
    }

    /// A change that is no tick.
    ///
    /// - Parameter after: `nil` to remove it.
    init(of name: String, _ before: (json: [UInt8], schedule: StoredSchedule)?, to after: StoredSchedule?) {
        self.name = name
        self.before = before?.json ?? []
        self.after = after?.json ?? []
        leaves = before?.schedule.timer?.entry
        arrives = after?.timer.map { ($0.entry, $0.tick) }
    }

    /// What becomes of a timer that is due.
    init(_ timer: ScheduleTimer, before: [UInt8], after: [UInt8]) {
        name = timer.schedule
        self.before = before
        self.after = after
        due = timer.entry
    }

    func keys(_ keys: Keys) -> [String] {
        [
            keys.schedules, keys.delayed, keys.run(run?.id ?? name), keys.queue(run?.schedule.queue ?? "default"),
            keys.runs(.queued),
        ]
    }

    var arguments: [RedisArgument] {
        let schedule = run?.schedule
        let labels = schedule.map { RunLabels($0.labels.merging(["schedule": $0.name]) { $1 }).json } ?? ""
        return [
            .init(name), .init(before), .init(after), .init(due ?? ""), .init(leaves ?? ""),
            .init(arrives?.entry ?? ""), .init(arrives?.at ?? 0), .init(run?.id ?? ""),
            .init(schedule?.workflow ?? ""), .init(schedule?.queue ?? ""), .init(schedule?.payload ?? []),
            .init(labels), .init(schedule?.timeout.map(String.init) ?? ""),
        ]
    }

    static func reply(_ value: RedisValue) throws -> Reply {
        let reader = ReplyReader("schedule", value)
        switch reader.word {
        case "done": return .done(isNew: try reader.integer(1) == 1)
        case "changed": return .changed
        case "early", "gone": return .notDue
        default: throw reader.unexpected
        }
    }
}

extension StoredSchedule {
    /// With another definition. Counts, a pause and what is known of its runs stay; with another timing the next tick is the first after `now`.
    func redefined(_ definition: Schedule, now: Int) throws(StepwiseError) -> StoredSchedule {
        var changed = self
        changed.definition = definition
        if definition.timing != self.definition.timing {
            changed.next = try Ticks(definition.timing).next(after: now)
        }
        return changed
    }
}
