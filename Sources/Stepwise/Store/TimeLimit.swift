/// An entry of `delayed` that is not a work item: the time limits of a step, or of a run.
///
/// `<queue> timeout <run> <generation> <step>`, without a step for the run's own.
package struct TimeLimit: Sendable, Hashable {
    package var queue: String
    package var run: String
    package var generation: String
    /// `nil` for the run's own limit.
    package var step: String?

    package init(queue: String, run: String, generation: String, step: String? = nil) {
        (self.queue, self.run, self.generation, self.step) = (queue, run, generation, step)
    }

    /// `nil` if the entry is another.
    package init?(_ entry: String) {
        let parts = entry.words(atMost: 5)
        guard parts.count >= 4, parts[1] == "timeout", !parts[0].isEmpty, !parts[2].isEmpty, Generation.isOne(parts[3])
        else { return nil }
        self.init(
            queue: parts[0], run: parts[2], generation: parts[3], step: parts.count == 5 ? parts[4] : nil)
    }

    package var entry: String { "\(queue) \(text)" }

    /// The entry without its queue.
    package var text: String { "timeout \(run) \(generation)" + (step.map { " \($0)" } ?? "") }
}
