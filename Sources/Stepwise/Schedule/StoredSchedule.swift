/// What `schedules` holds of a schedule: its definition, and how it stands. README has the table of its JSON.
package struct StoredSchedule: Sendable, Hashable {
    package var definition: Schedule
    /// Milliseconds since 1970 by Redis' clock, as all times here.
    package var created: Int
    /// Since when it is paused.
    package var paused: Int?
    /// The first tick that was not dealt with: its entry lies in `delayed`, unless the schedule is paused.
    package var next: Int
    package var lastTick: Int?
    package var lastRun: String?
    /// Its runs that had not ended when a worker last looked, at most 20; where runs may overlap only the last.
    package var live: [String] = []
    package var started = 0
    package var skipped = 0
    package var missed = 0
    /// Runs that were started outside of the ticks.
    package var triggered = 0
    /// The version and the hash of the definition that a worker's code last wrote; absent if none has.
    package var declared: String?

    package init(_ definition: Schedule, created: Int, next: Int) {
        self.definition = definition
        self.created = created
        self.next = next
    }

    package struct Problem: Error, Sendable, Hashable {
        /// What is wrong, as the end of a sentence.
        package var reason: String
    }

    /// Reads what is stored.
    package init(name: String, json: [UInt8]) throws(Problem) {
        if let problem = JSON.problem(with: json) { throw Problem(reason: problem) }
        guard let members = JSONMembers(json) else { throw Problem(reason: "it is not a JSON object") }
        func text(_ member: String) throws(Problem) -> String? {
            guard let value = members.values[member] else { return nil }
            guard value.first == UInt8(ascii: "\""), let text = members.string(member) else {
                throw Problem(reason: "\"\(member)\" is not a string")
            }
            return text
        }
        func number(_ member: String) throws(Problem) -> Int? {
            guard members.values[member] != nil else { return nil }
            guard let number = members.integer(member), number.magnitude < 1 << 53 else {
                throw Problem(reason: "\"\(member)\" is not a whole number")
            }
            return number
        }
        func needed<Value>(_ member: String, _ value: Value?) throws(Problem) -> Value {
            guard let value else { throw Problem(reason: "\"\(member)\" is missing") }
            return value
        }
        let timing: ScheduleTiming
        if let expression = try text("cron") {
            timing = .cron(expression, timeZone: try text("zone") ?? "UTC")
        } else {
            timing = ScheduleTiming(
                kind: .every(try needed("cron\" or \"every", try number("every")), from: try number("from") ?? 0))
        }
        let overlapText = try text("overlap") ?? ScheduleOverlap.allow.rawValue
        guard let overlap = ScheduleOverlap(rawValue: overlapText) else {
            throw Problem(reason: "\"overlap\" is none of allow, skip, queue, replace")
        }
        do {
            // Its timing comes afterwards: one whose time zone this system lacks is not broken.
            var definition = try Schedule(
                name, .every(.seconds(1)), workflow: try needed("workflow", try text("workflow")),
                queue: try text("queue") ?? "default",
                labels: RunLabels(stored: members.values["labels"].map { String(decoding: $0, as: UTF8.self) }).values,
                overlap: overlap, catchUp: try number("catchUp") ?? 1, version: try number("version") ?? 1)
            definition.timing = timing
            do { try definition.check() } catch { if definition.missingZone == nil { throw error } }
            definition.payload = members.values["payload"] ?? JSON.null
            definition.timeout = try number("timeout")
            self.init(definition, created: try number("created") ?? 0, next: try needed("next", try number("next")))
        } catch let error as Problem { throw error } catch let error as StepwiseError {
            throw Problem(reason: error.message)
        } catch { throw Problem(reason: "\(error)") }
        paused = try number("paused")
        lastTick = try number("lastTick")
        lastRun = try text("lastRun")
        live = jsonElements(members.values["live"] ?? []).compactMap {
            try? JSON.decode(String.self, from: $0, what: "a run's id")
        }
        started = try number("started") ?? 0
        skipped = try number("skipped") ?? 0
        missed = try number("missed") ?? 0
        triggered = try number("triggered") ?? 0
        declared = try text("declared")
    }

    /// What is stored: one line, its members always in this order.
    package var json: [UInt8] {
        var members = definition.members
        members.append(("created", number(created)))
        if let paused { members.append(("paused", number(paused))) }
        members.append(("next", number(next)))
        if let lastTick { members.append(("lastTick", number(lastTick))) }
        if let lastRun { members.append(("lastRun", string(lastRun))) }
        if !live.isEmpty {
            members.append(("live", Array("[\(live.map { JSON.string($0) }.joined(separator: ","))]".utf8)))
        }
        for (name, count) in [
            ("started", started), ("skipped", skipped), ("missed", missed), ("triggered", triggered),
        ] where count > 0 { members.append((name, number(count))) }
        if let declared { members.append(("declared", string(declared))) }
        return object(members)
    }

    /// The timer in `delayed` that it has to have; `nil` while it is paused.
    package var timer: ScheduleTimer? {
        paused == nil ? ScheduleTimer(queue: definition.queue, schedule: definition.name, tick: next) : nil
    }
}

extension Schedule {
    /// Its members in the stored JSON.
    fileprivate var members: [(String, [UInt8])] {
        var members = [
            ("workflow", string(workflow)), ("payload", payload), ("queue", string(queue)),
        ]
        if !labels.isEmpty { members.append(("labels", Array(RunLabels(labels).json.utf8))) }
        if let timeout { members.append(("timeout", number(timeout))) }
        switch timing.kind {
        case .cron(let expression, let zone):
            members += [("cron", string(expression)), ("zone", string(zone))]
        case .every(let interval, let start):
            members.append(("every", number(interval)))
            if start != 0 { members.append(("from", number(start))) }
        }
        members += [("overlap", string(overlap.rawValue)), ("catchUp", number(catchUp)), ("version", number(version))]
        return members
    }

    /// Tells definitions apart: the version, and a hash (FNV-1a, 64 bits) of everything that is stored of it.
    var declaration: String {
        let hash = object(members).reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return "\(version) \(String(hash, radix: 16))"
    }
}

private func string(_ text: String) -> [UInt8] { Array(JSON.string(text).utf8) }
private func number(_ value: Int) -> [UInt8] { Array(String(value).utf8) }

private func object(_ members: [(String, [UInt8])]) -> [UInt8] {
    var bytes = Array("{".utf8)
    for (index, (name, value)) in members.enumerated() {
        bytes += Array("\(index == 0 ? "" : ",")\"\(name)\":".utf8) + value
    }
    return bytes + Array("}".utf8)
}
