/// A run to start: `{"workflow": …, "payload": …, "id": …, "labels": …, "timeout": …, "after": …, "at": …}`.
struct PushedStart: Sendable {
    var workflow: String
    /// The payload's bytes as they stand in the item; `null` if there is none.
    var payload: [UInt8]
    var id: String?
    var labels = RunLabels()
    /// Within how many milliseconds after its creation the run has to be done.
    var timeout: Int?
    /// `nil`: at once.
    var start: StartTime?

    init(_ members: JSONMembers) throws(PushedItem.Problem) {
        guard members.string("workflow") != nil,
            let workflow = try members.identifier("workflow", Identifier.problem(withWorkflow:))
        else {
            throw .init(reason: "\"workflow\" is missing or not a string: it names the workflow to run")
        }
        self.workflow = workflow
        id = try members.identifier("id", Identifier.problem(withRunID:))
        if id?.utf8.contains(UInt8(ascii: "/")) == true {
            // Else a push could take the place of a schedule's next run, or of a child.
            throw .init(
                reason:
                    "\"id\" holds \"/\", which is for the ids that Stepwise makes of schedules and steps: use another character"
            )
        }
        payload = members.values["payload"] ?? JSON.null
        if let value = members.given("labels") { labels = try Self.labels(value) }
        timeout = try members.duration("timeout")
        start = try Self.start(members)
        try members.checkNames(["workflow", "payload", "id", "labels", "timeout", "after", "at"])
    }

    private static func start(_ members: JSONMembers) throws(PushedItem.Problem) -> StartTime? {
        let given = ["after", "at"].filter { members.given($0) != nil }
        guard let name = given.first else { return nil }
        if given.count > 1 { throw .init(reason: "\"after\" and \"at\" both say when to start: use one") }
        if name == "after" {
            guard let after = members.integer(name) else {
                throw .init(reason: "\"after\" is not a whole number of milliseconds")
            }
            return StartTime(after: after)
        }
        if let at = members.integer(name) { return StartTime(at: at) }
        guard let text = members.string(name), let date = DateText.calendarDate(from: text) else {
            throw .init(
                reason: "\"at\" is neither a whole number of milliseconds since 1970 "
                    + "nor a date such as \"2026-12-01T09:00:00Z\"")
        }
        return StartTime(date)
    }

    private static func labels(_ value: [UInt8]) throws(PushedItem.Problem) -> RunLabels {
        guard let members = JSONMembers(value) else {
            throw .init(reason: "\"labels\" is not a JSON object of names and strings")
        }
        var labels = RunLabels()
        // Before they are looked at one by one.
        let names = Set(members.keys).sorted()
        if let problem = RunLabels.problem(withCount: names.count) { throw .init(reason: "the labels \(problem)") }
        if members.keys.count != names.count { throw .init(reason: "a member of \"labels\" stands in it twice") }
        for name in names {
            guard let text = members.string(name) else {
                throw .init(reason: "label \(JSON.string(name.prefix(bytes: 120))) is not a string")
            }
            labels[name] = text
        }
        if let problem = labels.problem { throw .init(reason: "the labels \(problem)") }
        return labels
    }
}
