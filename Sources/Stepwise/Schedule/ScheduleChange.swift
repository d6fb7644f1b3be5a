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

    /// A change that is not a tick.
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
}

extension StoredSchedule {
    /// With another definition. Counts, a pause and what is known of its runs stay; with another timing the next tick is the first after `now`,
    /// and what was due by the old one is missed.
    package func redefined(_ definition: Schedule, now: Int) throws(StepwiseError) -> StoredSchedule {
        var changed = self
        if definition.timing != self.definition.timing {
            changed.countAsMissed(through: paused ?? now)
            changed.next = try Ticks(definition.timing).next(after: now)
        }
        changed.definition = definition
        return changed
    }

    /// After a pause. Ticks that were due before it go on waiting for their runs if none came during it; else they are missed.
    ///
    /// - Returns: `nil` if it was not paused.
    package func resumed(now: Int) throws(StepwiseError) -> StoredSchedule? {
        guard let paused else { return nil }
        let ticks = try Ticks(definition.timing)
        var changed = self
        changed.paused = nil
        if next <= paused, try ticks.next(after: paused) > now { return changed }
        changed.countAsMissed(through: paused)
        changed.next = try ticks.next(after: now)
        return changed
    }

    /// With the first tick after `now` as its next one, where ticks that are still to come count as dealt with: Redis' clock was ahead then. A clock
    /// that goes back by seconds changes nothing: a tick would come twice.
    ///
    /// - Returns: `nil` if its next tick is no later than that, or this system cannot tell.
    package func setAnew(now: Int) -> StoredSchedule? {
        guard next > now, let ticks = try? Ticks(definition.timing),
            let later = try? ticks.next(after: now + TickDecision.lateness), later < next,
            let first = try? ticks.next(after: now)
        else { return nil }
        var changed = self
        changed.next = first
        return changed
    }

    /// Counts the ticks that were due up to a time, before `next` becomes another one.
    private mutating func countAsMissed(through time: Int) {
        guard next <= time else { return }
        // Where this system cannot tell how many there were, it was one at least.
        missed += (try? Ticks(definition.timing).count(from: next, through: time)) ?? 1
    }
}

extension ScriptCall<ScheduleChange.Reply> {
    /// - Parameter indexed: the labels that have an index.
    static func schedule(_ keys: Keys, _ change: ScheduleChange, indexed: [String]) -> Self {
        let schedule = change.run?.schedule
        let labels = schedule?.runLabels ?? RunLabels()
        let indexes = RunIndexes(of: labels, among: indexed)
        return Self(
            ScriptLibrary.schedule,
            keys: [
                keys.schedules, keys.delayed, keys.run(change.run?.id ?? change.name),
                keys.queue(schedule?.queue ?? "default"), keys.runs(.queued),
            ] + (indexes.isEmpty ? [] : [keys.meta] + indexes.keys(keys)),
            arguments: [
                .init(change.name), .init(change.before), .init(change.after), .init(change.due ?? ""),
                .init(change.leaves ?? ""), .init(change.arrives?.entry ?? ""), .init(change.arrives?.at ?? 0),
                .init(change.run?.id ?? ""), .init(schedule?.workflow ?? ""), .init(schedule?.queue ?? ""),
                .init(schedule?.payload ?? []), .init(labels.json), .init(schedule?.timeout.map(String.init) ?? ""),
            ] + indexes.arguments
        ) { reader in
            switch reader.word {
            case "done": .done(isNew: try reader.integer(1) == 1)
            case "changed": .changed
            case "early", "gone": .notDue
            default: throw reader.unexpected
            }
        }
    }
}

extension Schedule {
    /// What its runs are labelled with.
    var runLabels: RunLabels { RunLabels(labels.merging(["schedule": name]) { $1 }) }
}
