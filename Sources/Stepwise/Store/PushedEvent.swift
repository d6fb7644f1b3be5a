/// An event to send: `{"event": …, "payload": …, "run": …, "id": …, "keep": …}`.
struct PushedEvent: Sendable {
    /// As it is stored.
    var event: String
    /// The payload's bytes as they stand in the item; `null` if there is none.
    var payload: [UInt8]
    /// Whom it is for; `nil`: everybody who waits for it.
    var run: String?
    /// The event's own id.
    var id: String?
    /// For how many milliseconds it is kept for those who come later.
    var keep: Int?

    init(_ members: JSONMembers) throws(PushedItem.Problem) {
        guard let event = try members.identifier("event", Identifier.problem(withEvent:)) else {
            throw .init(reason: "\"event\" is null: it names the event")
        }
        self.event = EventName.stored(event)
        run = try members.identifier("run", Identifier.problem(withRunID:))
        id = try members.identifier("id")
        payload = members.values["payload"] ?? JSON.null
        keep = try members.duration("keep")
        if run != nil, keep != nil {
            throw .init(reason: "\"keep\" is for an event to everybody: one to a run is kept until the run asks")
        }
        if run == nil, id != nil {
            throw .init(reason: "\"id\" is for an event to a run: it is what the run has seen already")
        }
        try members.checkNames(["event", "payload", "run", "id", "keep"])
    }
}
