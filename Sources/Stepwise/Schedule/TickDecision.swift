/// What is to be done about a schedule whose timer is due. A value: the time and what of its runs is live come in.
package struct TickDecision: Sendable, Hashable {
    /// How the schedule stands afterwards.
    package var after: StoredSchedule
    /// The tick whose run is to be started.
    package var starts: Int?
    /// The runs that are to be cancelled first.
    package var cancels: [String] = []
    /// Whether the next tick waits for a live run: look again in a while.
    package var waits = false

    /// A tick is late when it is older; in milliseconds.
    package static let lateness = 60_000
    /// How many ticks one look passes over.
    static let page = 10_000
    /// How many live runs are remembered.
    static let mostLive = 20

    /// - Parameter live: which of the schedule's `live` runs have not ended.
    /// - Returns: `nil` if no tick is due.
    package init?(_ schedule: StoredSchedule, now: Int, live: [String]) throws(StepwiseError) {
        let ticks = try Ticks(schedule.definition.timing)
        let definition = schedule.definition
        var due: [Int] = []
        var next = schedule.next
        while next <= now, due.count < Self.page {
            due.append(next)
            next = try ticks.next(after: next)
        }
        if due.isEmpty { return nil }
        after = schedule
        after.live = live
        let late = due.count { now - $0 > Self.lateness }
        let missed = max(0, late - definition.catchUp)
        after.missed += missed
        due.removeFirst(missed)
        guard var tick = due.first, missed == 0 || next > now else {
            // Where the page was not enough, how many of its last ones are caught up shows at the next look.
            after.next = due.first ?? next
            return
        }
        if !live.isEmpty {
            switch definition.overlap {
            case .allow: break
            case .skip:
                after.skipped += due.count
                after.next = next
                return
            case .queue:
                after.next = tick
                waits = true
                return
            case .replace:
                after.skipped += due.count - 1
                tick = due[due.count - 1]
                due = [tick]
                cancels = live
            }
        }
        starts = tick
        after.next = due.count > 1 ? due[1] : next
        after.note(definition.runID(ofTick: tick))
        after.lastTick = tick
        after.started += 1
    }
}

extension StoredSchedule {
    /// A run of it is started.
    mutating func note(_ run: String) {
        lastRun = run
        live = (definition.overlap == .allow ? [run] : live + [run]).suffix(TickDecision.mostLive)
    }

    /// A run of a tick that has passed long ago is started: it is not its last one, but other ticks look whether it is live. Of too many such runs the
    /// first are forgotten, and none that was started at its tick.
    package mutating func noteLive(_ run: String) {
        if definition.overlap != .allow { live = ([run] + live).suffix(TickDecision.mostLive) }
    }
}
