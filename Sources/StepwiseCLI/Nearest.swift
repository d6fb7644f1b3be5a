import Stepwise

/// What somebody may have meant who has mistyped a name.
enum Nearest {
    /// The one of `names` that `word` is a slip of, most likely; `nil` if none is near.
    static func name(to word: String, among names: some Sequence<String>) -> String? {
        let typed = Array(word.lowercased().unicodeScalars)
        // Of two letters one is too much: each short name would be near each other one.
        guard (3...longest).contains(typed.count) else { return nil }
        // A third of its characters may be wrong, and at most three.
        let most = min(3, typed.count / 3)
        var best: (slips: Int, name: String)?
        for name in names where name != word {
            let scalars = Array(name.lowercased().unicodeScalars)
            guard abs(scalars.count - typed.count) <= most else { continue }
            let slips = slips(typed, scalars)
            guard slips <= most else { continue }
            if let best, (best.slips, best.name) < (slips, name) { continue }
            best = (slips, name)
        }
        return best?.name
    }

    /// `; did you mean "double"?`, or nothing.
    static func question(_ word: String, among names: some Sequence<String>) -> String {
        name(to: word, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// No name is longer.
    private static let longest = 200

    /// How many characters must be put in, left out, exchanged for another one, or swapped with the next one.
    private static func slips(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var older: [Int] = []
        var last = Array(0...b.count)
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var fewest = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { fewest = min(fewest, older[j - 1] + 1) }
                row.append(fewest)
            }
            (older, last) = (last, row)
        }
        return last[b.count]
    }
}

/// Names that exist. What was asked for does not depend on them: a user who may not read them is told none.
extension StepwiseClient {
    private func known(paused isPausedKnown: Bool) async -> (workflows: Set<String>, queues: Set<String>) {
        let workers = (try? await self.workers()) ?? []
        let paused = isPausedKnown ? (try? await self.paused()) ?? PausedWork() : PausedWork()
        return (
            Set(workers.flatMap(\.workflows)).union(paused.workflows.keys),
            Set(workers.flatMap(\.queues)).union(paused.queues.keys)
        )
    }

    /// Says which workflow or queue may have been meant, if no worker has the one that was named and another one is near.
    ///
    /// - Parameter isPaused: whether this command has paused it: then it says how to undo that.
    func suggest(workflow: String? = nil, queue: String? = nil, isPaused: Bool = false) async {
        if workflow == nil && queue == nil { return }
        let known = await known(paused: !isPaused)
        func undo(_ option: String, _ name: String) -> String {
            isPaused ? " To undo the pause: \(keys.command("resume \(option) \(name.shellWord)"))" : ""
        }
        if let workflow, !known.workflows.contains(workflow),
            let name = Nearest.name(to: workflow, among: known.workflows)
        {
            Output.complain(
                "no worker has workflow \"\(workflow)\"; did you mean \"\(name)\"?" + undo("--workflow", workflow))
        }
        if let queue, !known.queues.contains(queue), let name = Nearest.name(to: queue, among: known.queues) {
            Output.complain(
                "no worker serves queue \"\(queue)\"; did you mean \"\(name)\"?" + undo("--queue", queue))
        }
    }

    /// Has `body` done; if there is no schedule of this name, the error says which one may have been meant.
    func naming<Value>(schedule name: String, _ body: () async throws -> Value) async throws -> Value {
        do { return try await body() } catch let error as StepwiseError where error.code == .noSuchSchedule {
            let listing = try? await schedules.list()
            let names = listing.map { $0.schedules.map(\.schedule.name) + Array($0.unreadable.keys) } ?? []
            throw StepwiseError(error.code, error.message + Nearest.question(name, among: names))
        }
    }
}
