/// Which lines of a kind are logged: of each workflow every reason once, and so many reasons; the others are counted until somebody asks. A value.
///
/// A reason may quote what others pushed: whoever pushes can make up as many as they like.
package struct LogBudget: Sendable {
    private struct Lines {
        var reasons: Set<String> = []
        var unlogged = 0
    }

    private let limit: Int
    private let mostKnown: Int
    private var workflows: [String: Lines] = [:]
    private var known: Set<String> = []

    /// - Parameters:
    ///   - limit: how many reasons of one workflow are logged, and of how many workflows.
    ///   - mostKnown: how many reasons are remembered for good: one that comes again is neither logged nor counted. With more, all are forgotten.
    package init(limit: Int = 10, knowing mostKnown: Int = 0) { (self.limit, self.mostKnown) = (limit, mostKnown) }

    /// How many reasons are known for good.
    package var knownCount: Int { known.count }

    /// - Returns: whether it is to be logged.
    package mutating func note(workflow: String, reason: String) -> Bool {
        if mostKnown > 0 {
            let text = "\(workflow): \(reason)"
            if known.contains(text) { return false }
            if known.count >= mostKnown { known = [] }
            known.insert(text)
        }
        // Past the limit all others count as one.
        let name = workflows[workflow] != nil || workflows.count < limit ? workflow : ""
        var lines = workflows[name] ?? Lines()
        defer { workflows[name] = lines }
        if name != workflow || lines.reasons.contains(reason) || lines.reasons.count >= limit {
            lines.unlogged += 1
            return false
        }
        lines.reasons.insert(reason)
        return true
    }

    /// What was not logged since the last call, by workflow; `""` stands for many. What comes next is logged again, if it is not known for good.
    package mutating func takeUnlogged() -> [(workflow: String, count: Int)] {
        defer { workflows = [:] }
        return workflows.filter { $0.value.unlogged > 0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value.unlogged) }
    }
}
