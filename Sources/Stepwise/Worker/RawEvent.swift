/// An event that another service pushed onto a queue: `{"event": …, "payload": …, "run": …, "id": …, "keep": …}`.
struct RawEvent: Sendable {
    var event: String
    /// The payload's bytes as they stand in the item; `null` if there is none.
    var payload: [UInt8]
    /// Whom it is for; `nil`: everybody who waits for it.
    var run: String?
    /// The event's own id.
    var id: String?
    /// For how many milliseconds it is kept for those who come later.
    var keep: Int?

    /// - Returns: `nil` if it is another item, or none.
    /// - Throws: ``RawOrder/Problem`` with a reason that says what to push instead.
    init?(_ item: [UInt8], maximumPayloadSize: Int) throws(RawOrder.Problem) {
        guard item.count <= maximumPayloadSize, JSON.problem(with: item) == nil, let members = JSONMembers(item),
            members.values["event"] != nil, members.values["workflow"] == nil
        else { return nil }
        func name(_ member: String) throws(RawOrder.Problem) -> String? {
            guard let value = members.values[member], value != JSON.null else { return nil }
            guard let text = members.string(member) else { throw .init(reason: "\"\(member)\" is no string") }
            if let problem = Identifier.problem(with: text) { throw .init(reason: "\"\(member)\" \(problem)") }
            return text
        }
        guard let event = try name("event") else { throw .init(reason: "\"event\" is null: it names the event") }
        self.event = event
        run = try name("run")
        id = try name("id")
        payload = members.values["payload"] ?? JSON.null
        if let value = members.values["keep"], value != JSON.null {
            guard let keep = members.integer("keep"), keep > 0, keep < 315_360_000_000 else {
                throw .init(reason: "\"keep\" is no whole number of milliseconds above 0")
            }
            self.keep = keep
        }
        if run != nil, keep != nil {
            throw .init(reason: "\"keep\" is for an event to everybody: one to a run is kept until the run asks")
        }
        if run == nil, id != nil {
            throw .init(reason: "\"id\" is for an event to a run: it is what the run has seen already")
        }
        let known: Set = ["event", "payload", "run", "id", "keep"]
        if let unknown = members.keys.first(where: { !known.contains($0) }) {
            throw .init(reason: "\"\(unknown)\" is no known member: use event, payload, run, id and keep")
        }
        if Set(members.keys).count != members.keys.count { throw .init(reason: "a member stands in it twice") }
    }
}
