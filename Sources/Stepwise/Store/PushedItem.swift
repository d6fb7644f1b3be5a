/// A pushed item that a worker has claimed from a queue's inbox.
struct PushedClaim: Sendable {
    var worker: String
    var queue: String
    /// As it was pushed.
    var item: [UInt8]
}

/// What another service pushed into a queue's inbox: a run to start, `{"workflow": …}`, or an event, `{"event": …}`.
///
/// It is parsed and validated here, once. What is neither goes to `malformed`, with the reason.
enum PushedItem: Sendable {
    case start(PushedStart)
    case event(PushedEvent)

    /// Why an item is refused: a sentence that says what to push instead.
    struct Problem: Error {
        let reason: String

        /// - Parameter reason: may quote the item.
        init(reason: String) { self.reason = reason.printable }
    }

    /// - Parameters:
    ///   - item: the bytes as they were claimed.
    ///   - maximumPayloadSize: the most bytes that an item may have.
    init(_ item: [UInt8], maximumPayloadSize: Int) throws(Problem) {
        if item.count > maximumPayloadSize {
            throw Problem(reason: Self.reason(againstLength: item.count, limit: maximumPayloadSize))
        }
        let advice = ": push a JSON object with \"workflow\" and, if wanted, \"payload\" and \"id\""
        if let problem = JSON.problem(with: item) {
            throw Problem(reason: item.first == UInt8(ascii: "{") ? problem : problem + advice)
        }
        guard let members = JSONMembers(item) else { throw Problem(reason: "not a JSON object" + advice) }
        if members.values["event"] != nil, members.values["workflow"] == nil {
            self = .event(try PushedEvent(members))
        } else {
            self = .start(try PushedStart(members))
        }
    }

    /// Why a long item is refused.
    static func reason(againstLength length: Int, limit: Int) -> String {
        "it has \(length) bytes, and the limit is \(limit) (maximumPayloadSize of the worker's configuration)"
    }

    /// Why an item on a queue is refused: it is none of the engine's work items.
    static func reason(againstQueued item: [UInt8], queue: String) -> String {
        "this is not a work item: Stepwise alone writes to queue:\(queue); "
            + "push JSON objects onto inbox:\(queue)"
    }
}

/// What the members of both kinds have in common. A member that is `null` counts as absent.
extension JSONMembers {
    func given(_ member: String) -> [UInt8]? {
        values[member].flatMap { $0 == JSON.null ? nil : $0 }
    }

    /// A string that can be part of a key; `nil` if the member is absent.
    func identifier(
        _ member: String, _ rule: (String) -> String? = Identifier.problem(with:)
    ) throws(PushedItem.Problem) -> String? {
        guard given(member) != nil else { return nil }
        guard let text = string(member) else { throw .init(reason: "\"\(member)\" is not a string") }
        if let problem = rule(text) { throw .init(reason: "\"\(member)\" \(problem)") }
        return text
    }

    /// A number of milliseconds, above 0 and below ten years; `nil` if the member is absent.
    func duration(_ member: String) throws(PushedItem.Problem) -> Int? {
        guard given(member) != nil else { return nil }
        guard let milliseconds = integer(member), milliseconds > 0, milliseconds < 315_360_000_000 else {
            throw .init(
                reason: "\"\(member)\" is not a whole number of milliseconds above 0 and below 315360000000 (ten years)"
            )
        }
        return milliseconds
    }

    /// Refuses members that nobody reads, and those that stand in the item twice.
    func checkNames(_ known: [String]) throws(PushedItem.Problem) {
        if let unknown = keys.first(where: { !known.contains($0) }) {
            let list = known.dropLast().joined(separator: ", ")
            throw .init(
                reason: "\"\(unknown.prefix(bytes: 120))\" is not a known member: use \(list) and \(known.last ?? "")")
        }
        if Set(keys).count != keys.count { throw .init(reason: "a member stands in it twice") }
    }
}
