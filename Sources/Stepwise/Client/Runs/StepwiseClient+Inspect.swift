internal import StepwiseRedis

/// This version of Stepwise, for `--version`.
package let stepwiseVersion = DataFormat.version

extension StepwiseClient {
    /// Everything that a run's own keys say: at one moment, unless it has more than about 1,000 open steps or outcomes.
    func inspect(_ id: String) async throws -> RunSnapshot {
        var run = RunSnapshot(id: id)
        var cursor: String? = "0"
        var seen: Int? = 0
        while cursor != nil || seen != nil {
            let page = try await inspectPage(&run, cursor: cursor ?? "", from: seen.map(String.init) ?? "")
            if cursor != nil { cursor = page.next.isEmpty ? nil : page.next }
            seen = page.outcomes == 0 || run.outcomes.count >= run.outcomeCount ? nil : run.outcomes.count
        }
        // The open steps of an ending run no longer wait for anything.
        if run.fields?.status != .ending {
            try await lookAtChildren(of: &run)
            try await lookAtEvents(of: &run)
        }
        return run
    }

    /// How a run stands, with about 1,000 of its open steps and without its outcomes: what its own keys say at one moment.
    func inspectStanding(_ id: String) async throws -> RunSnapshot {
        var run = RunSnapshot(id: id)
        _ = try await inspectPage(&run, cursor: "0", from: "")
        return run
    }

    /// Reads how a run stands, a page of its open steps and one of its outcomes.
    ///
    /// - Returns: the cursor of the next page of open steps, empty at the end, and how many outcomes came.
    private func inspectPage(
        _ run: inout RunSnapshot, cursor: String, from: String
    ) async throws -> (next: String, outcomes: Int) {
        let reader = try await evaluate(
            .inspect(keys, run.id, cursor: cursor, from: from), doing: "looking at run \(run.id)")
        let items = reader.items
        guard items.count == 8, let fields = items[0].array, let listed = items[1].array,
            let openCount = items[2].integer, let outcomeCount = items[4].integer, let open = items[6].array,
            let outcomes = items[7].array
        else { throw reader.unexpected }
        run.fields = Self.fields(fields)
        run.listed = zip(RunStatus.all, listed).filter { $0.1.integer == 1 }.map(\.0)
        run.isDead = listed.last?.integer.flatMap { $0 < 0 ? nil : $0 == 1 }
        (run.openCount, run.join, run.outcomeCount) = (openCount, items[3].string, outcomeCount)
        for at in stride(from: 0, to: open.count - 1, by: 2) {
            if let step = open[at].string { run.open[step] = open[at + 1].string ?? "" }
        }
        run.outcomes += outcomes.map { JSONMembers($0.bytes ?? [])?.string("step") }
        return (items[5].string ?? "", outcomes.count)
    }

    private func lookAtChildren(of run: inout RunSnapshot) async throws {
        for child in Set(run.open.values.compactMap { OpenStep($0)?.child }).sorted() {
            let fields = try await command(.run(keys, child, .status, .parent), doing: "looking at run \(child)")
            run.children[child] = .init(status: fields.status, parent: fields.text(.parent))
        }
    }

    private func lookAtEvents(of run: inout RunSnapshot) async throws {
        guard let fields = run.fields else { return }
        for (step, text) in run.open {
            guard let event = OpenStep(text)?.event else { continue }
            let waiter = EventWaiter(queue: fields.queue, run: run.id, generation: fields.generation, step: step)
            let mail = MailWaiter(
                event: event.name, generation: fields.generation, number: event.number, step: step)
            async let isListed = command(
                .isWaiting(keys, for: event.name, waiter), doing: "looking at run \(run.id)")
            let isInMail = try await command(
                .isWaiting(keys, inMailOf: run.id, mail), doing: "looking at run \(run.id)")
            if try await isListed, isInMail { run.listening.insert(step) }
        }
    }

    private static func fields(_ v: [RedisValue]) -> RunSnapshot.Fields? {
        // A run always has a workflow and a status; one of them missing is a status that nobody knows.
        guard v.count == 14, v.contains(where: { $0.string != nil }) else { return nil }
        var fields = RunSnapshot.Fields()
        fields.workflow = v[0].string ?? ""
        fields.status = RunStatus(rawValue: v[1].string ?? "")
        fields.queue = v[2].string ?? "default"
        fields.generation = v[3].string ?? ""
        fields.turn = v[4].string ?? ""
        fields.turns = v[5].integer ?? 0
        fields.recorded = v[6].integer ?? 0
        fields.delivered = v[7].integer ?? -1
        fields.inline = v[8].string ?? ""
        fields.reason = v[9].string
        fields.restarted = v[10].string
        fields.deadline = v[11].integer
        fields.joins = v[12].string == "1"
        fields.ending = v[13].string
        return fields
    }

    /// Looks at many runs, a page's worth of calls in one write.
    func inspect(_ ids: [String]) async throws -> [RunSnapshot] {
        try await withThrowingTaskGroup(of: (Int, RunSnapshot).self) { group in
            for (index, id) in ids.enumerated() { group.addTask { (index, try await self.inspect(id)) } }
            var runs = [RunSnapshot?](repeating: nil, count: ids.count)
            for try await (index, run) in group { runs[index] = run }
            return runs.compactMap { $0 }
        }
    }

    /// A run's end as it is stored.
    package struct StoredEnd: Sendable {
        package var status: RunStatus
        /// JSON; empty unless it completed.
        package var output: String
        /// JSON; empty unless it failed.
        package var error: String
    }

    /// Waits for the end of a run that was there and gives its output without decoding it.
    ///
    /// - Throws: ``StepwiseError``: `runGone`, `timedOut`, or one of the `redis…` codes.
    package func storedEnd(ofRun id: String, timeout: Duration?) async throws -> StoredEnd {
        guard let end = try await awaitEnd(ofRun: id, isNew: false, timeout: timeout) else {
            throw StepwiseError.runGone(id)
        }
        return StoredEnd(
            status: end.status, output: String(decoding: end.output, as: UTF8.self),
            error: String(decoding: end.error, as: UTF8.self))
    }

    /// How many open steps of a run are written; of one that is ending, how many are still to be withdrawn.
    package func openStepCount(ofRun id: String) async throws -> Int {
        try await command(.writtenSteps(keys, of: id), doing: "reading run \(id)")
    }

    /// A run's open steps, at most about 1,000 of them: step and text.
    package func openSteps(ofRun id: String) async throws -> [(step: String, state: OpenStep)] {
        let what = "reading run \(id)"
        let inline = try await command(.run(keys, id, .inline), doing: what).text(.inline) ?? ""
        let page = try await command(.openSteps(keys, of: id, after: "0"), doing: what)
        var open: [String: OpenStep] = inline.isEmpty ? [:] : [inline: .unwritten]
        for (step, state) in page.elements { open[step] = state }
        return open.map { (step: $0.key, state: $0.value) }.sorted { $0.step < $1.step }
    }
}
