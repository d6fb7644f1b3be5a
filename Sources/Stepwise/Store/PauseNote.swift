/// Who has paused a queue or a workflow, when and why, as `paused` has it: `<time>`, or `<time> {"by":…,"reason":…}`.
package struct PauseNote: Sendable, Hashable {
    /// In milliseconds since 1970, by Redis' clock.
    package var since: Int
    /// At most 200 bytes.
    package var by: String?
    /// At most 1,000 bytes.
    package var reason: String?

    /// What is longer is cut, and what is empty is left out.
    package init(since: Int, by: String?, reason: String?) {
        self.since = since
        self.by = Self.name(by)
        self.reason = Self.filled(reason?.prefix(bytes: 1000))
    }

    /// Of what cannot be read, the time is 0: it is paused all the same. Somebody else may have written it, so it is cut, too.
    package init(_ text: String) {
        let words = text.words(atMost: 2)
        let members = words.count == 2 ? JSONMembers(Array(words[1].utf8)) : nil
        self.init(
            since: words.first.flatMap { Int($0) } ?? 0, by: members?.string("by"), reason: members?.string("reason"))
    }

    /// As it is stored.
    package var text: String {
        let members = [by.map { "\"by\":\(JSON.string($0))" }, reason.map { "\"reason\":\(JSON.string($0))" }]
        let said = members.compactMap { $0 }
        return said.isEmpty ? "\(since)" : "\(since) {\(said.joined(separator: ","))}"
    }

    /// Somebody's name on one line; `nil` for an empty one.
    package static func name(_ text: String?) -> String? {
        filled(text?.prefix(bytes: 200).printable.prefix(bytes: 200))
    }

    private static func filled(_ text: String?) -> String? { text?.isEmpty == false ? text : nil }
}
