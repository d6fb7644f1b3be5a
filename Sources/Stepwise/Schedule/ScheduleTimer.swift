/// An entry of `delayed` that is not a work item: the next tick of a schedule.
///
/// `<queue> schedule <name> <tick>`, the tick in milliseconds since 1970.
package struct ScheduleTimer: Sendable, Hashable {
    package var queue: String
    package var schedule: String
    package var tick: Int

    package init(queue: String, schedule: String, tick: Int) {
        (self.queue, self.schedule, self.tick) = (queue, schedule, tick)
    }

    /// `nil` if the entry is another.
    package init?(_ entry: String) {
        let parts = entry.words(atMost: 4)
        guard parts.count == 4, parts[1] == "schedule", !parts[0].isEmpty, !parts[2].isEmpty, let tick = Int(parts[3])
        else { return nil }
        self.init(queue: parts[0], schedule: parts[2], tick: tick)
    }

    package var entry: String { "\(queue) schedule \(schedule) \(tick)" }
}
