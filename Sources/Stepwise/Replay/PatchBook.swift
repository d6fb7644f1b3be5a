/// Which patches a run's function has asked for, and what it was told. A value.
///
/// A call of `patched` is answered at once and takes no place in the history, so that code with it makes the same calls in the same order as
/// code without it. It is answered `true` where the function is for the first time, and that is marked on the run in the script that takes
/// the function past this point. Where there is no mark and the run was taken past it, the code did not have the patch: `false`, and
/// nothing has to be kept for that, since a run never goes back.
struct PatchBook: Sendable {
    /// Where a function stands: how many outcomes it has had, and how many calls it has made.
    struct Place: Sendable, Hashable {
        var delivered: Int
        var calls: Int
    }

    /// The run's marks: patch → how many outcomes the function had had when it asked.
    private(set) var marked: [String: Int] = [:]
    /// What was answered in this instance.
    private var answers: [String: Bool] = [:]
    /// Answered `true`, and not known to be marked.
    private(set) var unmarked: [String: Place] = [:]
    /// Asked for, or said to be always there.
    private var known: Set<String> = []
    /// How far the run was taken, as the store told last: outcomes, and calls that it has opened.
    private var delivered = -1
    private var opened = 0

    /// Takes in what the store told. Marks stay: a reply may be older than the one before it.
    ///
    /// - Returns: whether what was answered here agrees. If not, the run was taken past one of these places by code without the patch.
    mutating func learn(marks: [String: Int], delivered: Int, opened: Int) -> Bool {
        marked.merge(marks) { old, _ in old }
        self.delivered = max(self.delivered, delivered)
        self.opened = max(self.opened, opened)
        unmarked = unmarked.filter { marked[$0.key] == nil }
        return !unmarked.values.contains(where: isPast)
    }

    private func isPast(_ place: Place) -> Bool { place.delivered <= delivered || place.calls < opened }

    mutating func ask(_ patch: String, at place: Place) -> Bool {
        known.insert(patch)
        if let answer = answers[patch] { return answer }
        let answer = marked[patch] != nil || !isPast(place)
        answers[patch] = answer
        if answer, marked[patch] == nil { unmarked[patch] = place }
        return answer
    }

    /// The code has the patch for good and asks no more.
    mutating func deprecate(_ patch: String) { known.insert(patch) }

    /// What the store is to keep with the next step forward; empty if there is nothing new.
    var marksToWrite: [String: Int] {
        unmarked.isEmpty ? [:] : marked.merging(unmarked.mapValues(\.delivered)) { old, _ in old }
    }

    mutating func confirm(_ marks: [String: Int]) {
        marked.merge(marks) { old, _ in old }
        unmarked = unmarked.filter { marked[$0.key] == nil }
    }

    /// A mark that the function has passed without asking for it: its code does not have the patch.
    func missing(delivered: Int) -> (patch: String, delivered: Int)? {
        if marked.isEmpty { return nil }
        return marked.filter { $0.value <= delivered && !known.contains($0.key) }
            .min { ($0.value, $0.key) < ($1.value, $1.key) }
            .map { (patch: $0.key, delivered: $0.value) }
    }
}
