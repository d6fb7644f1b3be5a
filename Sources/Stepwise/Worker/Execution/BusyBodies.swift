/// Which bodies `busy:<worker>` names, and what is to change there. A value: what is executed comes in, at each heartbeat.
///
/// A change that was sent and not answered may have been made: a body keeps its number until it is certain that the number is gone.
package struct BusyBodies: Sendable {
    /// How many bodies are named at most: the oldest.
    package static let most = 1000
    /// How many are added at once.
    package static let page = 100
    /// After so many seconds without a change all of it goes; it is renewed far more often.
    package static let retention = 86_400
    /// How many bodies are kept at most, those that are over and may still be named too.
    private static let mostKept = 2 * most

    private struct Entry: Sendable {
        let number: Int
        var isWritten: Bool
    }

    private var entries: [BodySighting.ID: Entry] = [:]
    private var lastNumber = 0
    private var isFirst = false
    private let renewal: Int
    /// How many looks there were since the last change.
    private var looks = 0

    /// - Parameter renewal: after so many looks without a change one is sent that changes nothing, so that nothing goes.
    package init(renewal: Int) {
        self.renewal = renewal
    }

    /// Another server may not have what was written.
    package mutating func forget() {
        if entries.isEmpty { return }
        isFirst = true
        for id in entries.keys { entries[id]?.isWritten = false }
    }

    /// - Parameter bodies: those to name, the oldest first.
    /// - Returns: what is to be changed; `nil` for nothing.
    package mutating func look(_ bodies: [BodySighting]) -> BusyBody.Change? {
        // Redis has refused changes for long: one that removes everything takes their place.
        if entries.count > Self.mostKept { (entries, isFirst) = ([:], true) }
        if bodies.isEmpty, entries.isEmpty, !isFirst { return nil }
        looks += 1
        let bodies = bodies.prefix(Self.most)
        let named = Set(bodies.map(\.id))
        var change = BusyBody.Change(isFirst: isFirst)
        change.gone = entries.filter { !named.contains($0.key) }.map(\.value.number).sorted()
        for body in bodies where change.new.count < Self.page {
            if let entry = entries[body.id], entry.isWritten { continue }
            change.new.append(
                BusyBody.Change.New(
                    number: number(of: body.id), age: body.age,
                    beginning: BusyBody.beginning(
                        run: body.run, step: body.step, workflow: body.workflow, attempt: body.attempt,
                        limit: body.limit)))
        }
        return change.isEmpty && looks < renewal ? nil : change
    }

    private mutating func number(of id: BodySighting.ID) -> Int {
        if let entry = entries[id] { return entry.number }
        lastNumber += 1
        entries[id] = Entry(number: lastNumber, isWritten: false)
        return lastNumber
    }

    /// The change was made.
    package mutating func confirm(_ change: BusyBody.Change) {
        let gone = Set(change.gone)
        let written = Set(change.new.map(\.number))
        for (id, entry) in entries {
            if gone.contains(entry.number) {
                entries[id] = nil
            } else if written.contains(entry.number) {
                entries[id]?.isWritten = true
            }
        }
        if change.isFirst { isFirst = false }
        looks = 0
    }
}
