/// What another service pushed onto a queue: `{"workflow": …, "payload": …, "id": …, "labels": …}`.
struct RawOrder: Sendable {
    struct Problem: Error { var reason: String }

    var workflow: String
    /// The payload's bytes as they stand in the item; `null` if there is none.
    var payload: [UInt8]
    var id: String?
    var labels = RunLabels()
    /// Within how many milliseconds after its creation the run has to be done.
    var timeout: Int?
    /// `nil`: at once.
    var start: StartTime?

    /// Why an item is refused that does not even begin like one.
    static func reasonAgainst(_ item: [UInt8]) -> String {
        "this is not a work item (\(JSON.problem(with: item) ?? "not a JSON object")): "
            + "push a JSON object with \"workflow\" and, if wanted, \"payload\" and \"id\""
    }

    /// - Throws: ``Problem`` with a reason that says what to push instead.
    init(_ item: [UInt8], maximumPayloadSize: Int) throws(Problem) {
        if item.count > maximumPayloadSize {
            throw Problem(
                reason:
                    "it has \(item.count) bytes, and the limit is \(maximumPayloadSize) (maximumPayloadSize of the worker's configuration)"
            )
        }
        if let problem = JSON.problem(with: item) { throw Problem(reason: problem) }
        guard let members = JSONMembers(item) else { throw Problem(reason: "not a JSON object") }
        guard let workflow = members.string("workflow") else {
            throw Problem(reason: "\"workflow\" is missing or no string: it names the workflow to run")
        }
        if let problem = Identifier.problem(with: workflow) { throw Problem(reason: "\"workflow\" \(problem)") }
        self.workflow = workflow
        if let value = members.values["id"], value != JSON.null {
            guard let id = members.string("id") else { throw Problem(reason: "\"id\" is no string") }
            if let problem = Identifier.problem(with: id) { throw Problem(reason: "\"id\" \(problem)") }
            self.id = id
        }
        payload = members.values["payload"] ?? JSON.null
        if let value = members.values["labels"], value != JSON.null { labels = try Self.labels(value) }
        if let value = members.values["timeout"], value != JSON.null {
            guard let timeout = members.integer("timeout"), timeout > 0, timeout < 315_360_000_000 else {
                throw Problem(reason: "\"timeout\" is no whole number of milliseconds above 0")
            }
            self.timeout = timeout
        }
        start = try Self.start(members)
        let known: Set = ["workflow", "payload", "id", "labels", "timeout", "after", "at"]
        if let unknown = members.keys.first(where: { !known.contains($0) }) {
            throw Problem(
                reason: "\"\(unknown)\" is no known member: use workflow, payload, id, labels, timeout, after and at")
        }
        if Set(members.keys).count != members.keys.count { throw Problem(reason: "a member stands in it twice") }
    }

    private static func start(_ members: JSONMembers) throws(Problem) -> StartTime? {
        let given = ["after", "at"].filter { (members.values[$0] ?? JSON.null) != JSON.null }
        guard let name = given.first else { return nil }
        if given.count > 1 { throw Problem(reason: "\"after\" and \"at\" both say when to start: use one") }
        if name == "after" {
            guard let after = members.integer(name) else {
                throw Problem(reason: "\"after\" is no whole number of milliseconds")
            }
            return StartTime(after: after)
        }
        if let at = members.integer(name) { return StartTime(at: at) }
        guard let date = members.string(name).flatMap(DateText.date) else {
            throw Problem(
                reason:
                    "\"at\" is no whole number of milliseconds since 1970, and no date such as \"2026-12-01T09:00:00Z\""
            )
        }
        return StartTime(date)
    }

    private static func labels(_ value: [UInt8]) throws(Problem) -> RunLabels {
        guard let members = JSONMembers(value) else {
            throw Problem(reason: "\"labels\" is no JSON object of names and strings")
        }
        var labels = RunLabels()
        // Before they are looked at one by one.
        let names = Set(members.keys).sorted()
        if let problem = RunLabels.problem(withCount: names.count) { throw Problem(reason: "the labels \(problem)") }
        for name in names {
            guard let text = members.string(name) else {
                throw Problem(reason: "label \(JSON.string(String(name.prefix(120)))) is no string")
            }
            labels[name] = text
        }
        if let problem = labels.problem { throw Problem(reason: "the labels \(problem)") }
        return labels
    }
}
