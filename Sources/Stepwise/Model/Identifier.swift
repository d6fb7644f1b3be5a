/// The rules for names that become parts of keys and of work items.
package enum Identifier {
    package static func checkNamespace(_ text: String) throws(StepwiseError) {
        let allowed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        if text.isEmpty || text.utf8.count > 100 || !allowed {
            throw StepwiseError(
                .invalidIdentifier,
                "the namespace \"\(text.masked.prefix(bytes: 120))\" cannot be one: use 1 to 100 of the characters A-Z a-z 0-9 _ -"
            )
        }
    }

    /// The ids of events, and with more rules the names of events and workflows, run ids and schedules: 1 to 200 printable ASCII characters, no
    /// spaces (they separate a work item's parts). ASCII, because Redis compares bytes and Swift compares characters: what is one name to
    /// the one must be one to the other.
    package static func check(_ text: String, what: String) throws(StepwiseError) {
        if let problem = problem(with: text) {
            throw StepwiseError(.invalidIdentifier, "the \(what) \(JSON.string(text.prefix(bytes: 220))) \(problem)")
        }
    }

    package static func problem(with text: String) -> String? {
        let rule = "use 1 to 200 printable ASCII characters without spaces"
        if text.isEmpty { return "is empty: \(rule)" }
        if text.utf8.count > 200 { return "is longer than 200 bytes: \(rule)" }
        return text.utf8.allSatisfy { (33...126).contains($0) }
            ? nil : "holds spaces, control characters or others than ASCII: \(rule)"
    }

    /// What begins with a hyphen would be an option where a shell hands it to a command: of a run id that somebody else chose, that is
    /// another command than was meant.
    private static func problem(withStartOf text: String) -> String? {
        text.utf8.first == UInt8(ascii: "-")
            ? "begins with \"-\", as an option of a command does: use another first character" : nil
    }

    /// An event's name, as it is given.
    package static func check(event: String) throws(StepwiseError) {
        if let problem = problem(withEvent: event) {
            throw StepwiseError(.invalidIdentifier, "the event \(JSON.string(event.prefix(bytes: 220))) \(problem)")
        }
    }

    package static func problem(withEvent text: String) -> String? {
        problem(with: text) ?? problem(withStartOf: text)
    }

    /// A workflow's name: in the message that ends a child, `-` in its place says that the child was made for certain.
    package static func check(workflow: String) throws(StepwiseError) {
        if let problem = problem(withWorkflow: workflow) {
            throw StepwiseError(
                .invalidIdentifier, "the workflow name \(JSON.string(workflow.prefix(bytes: 220))) \(problem)")
        }
    }

    package static func problem(withWorkflow text: String) -> String? {
        text == "-"
            ? "is what work items say for no name: use another" : problem(with: text) ?? problem(withStartOf: text)
    }

    /// A queue's name: it stands beside colons in keys, and before a space in entries of `delayed`, `event:<name>` and `unfit:<workflow>`.
    package static func check(queue: String) throws(StepwiseError) {
        if let problem = problem(withQueue: queue) {
            throw StepwiseError(.invalidIdentifier, "the queue \(JSON.string(queue.prefix(bytes: 120))) \(problem)")
        }
    }

    package static func problem(withQueue text: String) -> String? {
        let rule = "a queue's name is 1 to 100 of the characters A-Z a-z 0-9 . _ -"
        if text.isEmpty { return "is empty: \(rule)" }
        let stranger = text.unicodeScalars.first { scalar in
            switch scalar {
            case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-": false
            default: true
            }
        }
        if let stranger { return "holds \(JSON.string(String(stranger))): \(rule)" }
        return text.utf8.count > 100 ? "is longer than 100 characters: \(rule)" : nil
    }

    /// The id that somebody gives a run, or a run that is to come. `~` is kept for ids that name a shard.
    package static func check(runID: String) throws(StepwiseError) {
        if let problem = problem(withRunID: runID) {
            throw StepwiseError(.invalidIdentifier, "the run id \(JSON.string(runID.prefix(bytes: 220))) \(problem)")
        }
    }

    package static func problem(withRunID text: String) -> String? {
        if let problem = problem(with: text) ?? problem(withStartOf: text) { return problem }
        return text.utf8.contains(UInt8(ascii: "~"))
            ? "holds \"~\", which is reserved (ids with it are to name a shard): use another character" : nil
    }

    /// A schedule's name: the ids of its runs begin with it.
    package static func check(schedule name: String) throws(StepwiseError) {
        if let problem = problem(withRunID: name) {
            throw StepwiseError(
                .invalidIdentifier, "the schedule name \(JSON.string(name.prefix(bytes: 220))) \(problem)")
        }
    }

    /// A workflow's version: it stands in lists of versions, and behind a `=`.
    package static func check(version: String, of workflow: String) throws(StepwiseError) {
        if version.isEmpty || version.utf8.count > 100 || version.contains("=")
            || !version.utf8.allSatisfy({ (33...126).contains($0) })
        {
            throw StepwiseError(
                .invalidIdentifier,
                "the version \(JSON.string(version.prefix(bytes: 120))) of workflow \"\(workflow)\" cannot be one: use 1 to 100 printable ASCII "
                    + "characters without spaces and =")
        }
    }

    /// The id of the run that a step makes: `<run>/<generation>/<step>`; where a run cannot have that, because the step's name holds a
    /// space or a `~`, or is too long, a hash stands for its end.
    package static func child(of run: String, generation: String, step: String) -> String {
        let plain = "\(run)/\(generation)/\(step)"
        if problem(withRunID: plain) == nil { return plain }
        var hashes: [UInt64] = [0xcbf2_9ce4_8422_2325, 0x8422_2325_cbf2_9ce4]
        for byte in plain.utf8 {
            for index in hashes.indices { hashes[index] = (hashes[index] ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        }
        let digits = hashes.map { hash in
            let text = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return "\(run.prefix(bytes: 160))/" + digits.joined()
    }

    /// A new id: 20 characters of `0-9a-z`, the first 9 of them the time in milliseconds, so that ids sort by age.
    package static func random(milliseconds: Int) -> String {
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        var bytes = [UInt8](repeating: digits[0], count: 20)
        var time = max(0, milliseconds)
        for index in (0..<9).reversed() {
            bytes[index] = digits[time % 36]
            time /= 36
        }
        // Drawn at once: each draw is a call of the system.
        var chance = UInt64.random(in: 0...UInt64.max)
        for index in 9..<20 {
            bytes[index] = digits[Int(chance % 36)]
            chance /= 36
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
