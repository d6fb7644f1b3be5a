/// The inboxes from which no worker claims. Whoever may push to any inbox makes them: they take memory and break no rule, so each kind is one
/// line with a count. A value.
package struct StrangeInboxes: Sendable {
    /// Names that no queue can have, as they were read: names that are not UTF-8 may look alike.
    private var misnamed: Set<String> = []
    private var unserved: Set<String> = []

    package init() {}

    /// - Parameters:
    ///   - name: of a key that the contract does not know, without the namespace's prefix.
    /// - Returns: whether it is an inbox's.
    package mutating func add(_ name: String) -> Bool {
        guard Self.isInbox(name) else { return false }
        misnamed.insert(name)
        return true
    }

    package mutating func add(_ queues: Set<String>, servedQueues: Set<String>) {
        unserved.formUnion(queues.subtracting(servedQueues))
    }

    /// By bytes: what follows may join the colon to one character.
    package static func isInbox(_ name: String) -> Bool { name.utf8.starts(with: "inbox:".utf8) }

    /// Whether it was read from bytes that are not UTF-8. Such a key cannot be asked for by its name.
    package static func isUnreadable(_ name: String) -> Bool { name.unicodeScalars.contains("\u{FFFD}") }

    package func warnings(keys: Keys) -> [String] {
        var warnings: [String] = []
        if let first = misnamed.min() {
            let problem = Identifier.problem(withQueue: String(first.utf8.dropFirst("inbox:".utf8.count)) ?? "")
            warnings.append(
                "no worker can claim from \(misnamed.count) inboxes whose names are not a queue's, such as "
                    + "\(JSON.string((keys.prefix + first).prefix(bytes: 220))), which \(problem ?? "is none"); remove them, and let an ACL "
                    + "name the inboxes that a service may push to")
        }
        if let first = unserved.min() {
            warnings.append(
                "no worker that is alive serves the queues of \(unserved.count) inboxes, such as \(keys.inbox(first)); start one that does, "
                    + "or remove them, and let an ACL name the inboxes that a service may push to")
        }
        return warnings
    }
}
