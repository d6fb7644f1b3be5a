// Besides: full workers, schedules, and single runs.
extension StepwiseClient {
    private enum MostBesides {
        static let pages = 3
        static let workers = 3
    }

    /// The schedules that are paused; those that cannot be read are the doctor's.
    func readSchedules(_ facts: inout FleetFacts) async throws {
        var paused: [String: FleetFacts.PausedSchedule] = [:]
        var cursor = "0"
        for _ in 1...MostBesides.pages {
            let page = try await seen(
                .fields(keys.schedules, after: cursor, count: 500), doing: "reading \(keys.schedules)")
            for (name, json) in page.elements {
                guard let stored = try? StoredSchedule(name: name, json: json), let since = stored.paused else {
                    continue
                }
                paused[name] = .init(name: name, workflow: stored.definition.workflow, since: since)
            }
            cursor = page.next
            if cursor == "0" { break }
        }
        facts.areSchedulesKnown = cursor == "0"
        facts.pausedSchedules = Array(paused.values)
    }

    /// What the bodies do that have taken every slot of a queue's workers.
    func readBodies(_ facts: inout FleetFacts) async throws {
        let full = FleetRows(facts, keys: keys).fullQueues.flatMap { $0.workers.map(\.name) }
        let names = Self.distinct(full).prefix(MostBesides.workers)
        if names.isEmpty { return }
        let values: [[ListExcerpt]] = try await all(
            names.map { .bodies(keys, on: $0) }, doing: "reading what workers do")
        for (name, bodies) in zip(names, values) {
            guard let index = facts.workers.looked.firstIndex(where: { $0.name == name }) else { continue }
            facts.workers.looked[index].bodies = bodies.compactMap { SeenBody(json: $0.bytes) }
        }
    }

    /// Asks about single runs of which nothing that was read says why they stand still.
    func look(_ facts: inout FleetFacts) async throws {
        for run in facts.suspects(keys: keys) {
            // One that cannot be asked about is told as not looked at, and hides nothing else.
            do {
                let found = try await explain(run.id)
                facts.looks.append(FleetFacts.Look(run, found))
            } catch is StepwiseError { continue }
        }
    }
}
