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
        guard let text = members.string(name), hasForm(ofDate: text), let date = DateText.date(from: text) else {
            throw .init(
                reason: "\"at\" is neither a whole number of milliseconds since 1970 "
                    + "nor a date such as \"2026-12-01T09:00:00Z\"")
        }
        return StartTime(date)
    }

    /// Whether a text is written as `2026-12-01T09:00:00Z` is, perhaps with a fraction of the second or an offset such as `+01:00`, and there are
    /// such a day and such a time. What reads dates takes any numbers for the parts, and makes another time of them.
    private static func hasForm(ofDate text: String) -> Bool {
        func fits(_ bytes: some Collection<UInt8>, _ form: String) -> Bool {
            bytes.count == form.utf8.count
                && zip(bytes, form.utf8).allSatisfy { byte, sign in
                    sign == UInt8(ascii: "0") ? isDigit(byte) : byte == sign
                }
        }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        let time = "0000-00-00T00:00:00"
        guard fits(text.utf8.prefix(time.utf8.count), time) else { return false }
        var zone = text.utf8.dropFirst(time.utf8.count)
        if zone.first == UInt8(ascii: ".") {
            let digits = zone.dropFirst().prefix(while: isDigit).count
            guard (1...9).contains(digits) else { return false }
            zone = zone.dropFirst(1 + digits)
        }
        guard ["+00:00", "-00:00", "+0000", "-0000", "Z"].contains(where: { fits(zone, $0) }) else { return false }
        let date = text.utf8.prefix(time.utf8.count).filter(isDigit)
        return isPossible(numbers(date), offset: numbers(zone.filter(isDigit)))
    }

    /// The numbers of two digits each.
    private static func numbers(_ digits: [UInt8]) -> [Int] {
        let values = digits.map { Int($0 - UInt8(ascii: "0")) }
        return stride(from: 0, to: values.count, by: 2).map { 10 * values[$0] + values[$0 + 1] }
    }

    /// - Parameters:
    ///   - date: century, year, month, day, hour, minute and second.
    ///   - offset: hours and minutes, or nothing.
    private static func isPossible(_ date: [Int], offset: [Int]) -> Bool {
        let (year, month, day) = (100 * date[0] + date[1], date[2], date[3])
        guard (1...12).contains(month), (1...CivilDay.daysIn(month: month, of: year)).contains(day) else {
            return false
        }
        return date[4] < 24 && date[5] < 60 && date[6] < 60 && (offset.isEmpty || offset[0] < 24 && offset[1] < 60)
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
