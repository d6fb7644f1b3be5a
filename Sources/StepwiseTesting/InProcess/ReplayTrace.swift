import Stepwise

/// What a run's function asked for, at rest after each outcome of its history: what a replay has to ask for again. A value that another
/// process can read.
struct ReplayTrace: Codable, Sendable {
    struct Call: Codable, Sendable, Hashable {
        var id: String
        var kind: String?
        var key: String?

        var step: Divergence.Step { .init(id, kind: kind, key: key) }
    }

    struct Rest: Codable, Sendable, Hashable {
        /// How many calls the function has made.
        var calls: Int
        /// The numbers of those that wait.
        var waiting: [Int]
        /// The function's output or error, in words; `nil` while it has none.
        var end: String?
    }

    var workflow: String
    var run: String
    var payload: String
    /// When the run was created, in milliseconds since 1970, and how often it had begun anew.
    var created: Int
    var continued: Int
    var patches: [String: Int] = [:]
    /// The history, as it would be stored.
    var records: [String] = []
    var calls: [Call] = []
    var rests: [Rest] = []

    /// Notes what an instance asks for, having had every outcome.
    mutating func note(_ instance: RunInstance) {
        let (rest, calls) = Self.look(at: instance)
        for number in self.calls.count..<max(self.calls.count, rest.calls) {
            self.calls.append(calls[number] ?? Call(id: ""))
        }
        rests.append(rest)
    }

    /// How an instance stands: also, of the calls that have had no outcome, which they are.
    private static func look(at instance: RunInstance) -> (Rest, [Int: Call]) {
        let openings = instance.plan(opened: 0, limit: 1_000_000).openings
        var calls: [Int: Call] = [:]
        for opening in openings {
            guard let call = instance.call(opening.step) else { continue }
            calls[opening.number] = Call(id: call.id, kind: call.kind, key: call.key)
        }
        let rest = Rest(
            calls: openings.count, waiting: openings.filter { !$0.withdrawn }.map(\.number), end: end(of: instance))
        return (rest, calls)
    }

    private static func end(of instance: RunInstance) -> String? {
        switch instance.progress {
        case .finished(.success(let json)): return "output \(JSON.excerpt(json, limit: 100_000))"
        case .finished(.failure(let error)):
            let words = ErrorWords(error)
            return "error \(words.type): \(words.message)"
        case .continued(let json): return "continued with \(JSON.excerpt(json, limit: 100_000))"
        case .waiting, .escaped, .stuck: return nil
        }
    }

    // MARK: Replaying

    /// Makes an instance of the function from the first `count` outcomes, and compares it with what was noted after them.
    ///
    /// - Parameter everywhere: whether it is compared after each of the outcomes before, too.
    /// - Throws: ``WorkflowTestFailure`` where they part.
    func replay(
        _ count: Int, by workflow: any AnyWorkflow, _ script: TestScript, everywhere: Bool = false
    ) throws -> RunInstance {
        let instance = RunInstance()
        do {
            _ = instance.learn(marks: patches, delivered: .max, opened: 0)
            instance.start(context(for: instance, of: workflow, script), silent: true, function: workflow.function.body)
            for number in 0..<count {
                if everywhere { try compare(instance, after: number) } else { try Self.check(instance, run) }
                instance.deliver(try OutcomeRecord(Array(records[number].utf8)).outcome, silent: true)
            }
            try compare(instance, after: count)
            return instance
        } catch {
            _ = instance.evict()
            throw error
        }
    }

    func context(for instance: RunInstance, of workflow: any AnyWorkflow, _ script: TestScript) -> WorkflowContext {
        WorkflowContext(
            workflow: workflow.name, runID: run, payload: Array(payload.utf8), options: workflow.function.options,
            logger: script.logger, instance: instance, created: created, continued: continued,
            clock: { script.microseconds })
    }

    /// Replays each beginning of the history; of one that is longer than 200 outcomes some of them, so that it does not take quadratic time.
    func check(_ workflow: any AnyWorkflow, _ script: TestScript) throws {
        let last = rests.count - 1
        let stride = last <= 200 ? 1 : last / max(20, 40_000 / last)
        for count in 0...max(0, last) where count == last || count % stride == 0 {
            do { _ = try replay(count, by: workflow, script).evict() } catch {
                // Where it parted first.
                if stride > 1 { _ = try replay(count, by: workflow, script, everywhere: true).evict() }
                throw error
            }
        }
    }

    private func compare(_ instance: RunInstance, after count: Int) throws {
        try Self.check(instance, run)
        let expected = rests[count]
        let (rest, calls) = Self.look(at: instance)
        if rest == expected, calls.allSatisfy({ self.calls[$0.key] == $0.value }) { return }
        let place = "run \(run), replayed up to outcome \(count)" + name(ofOutcome: count)
        let known = 0..<expected.calls
        let wrong = calls.keys.sorted().first { !known.contains($0) || self.calls[$0] != calls[$0] }
        // What waited then is not called now, or another is called in its place.
        if let number = wrong ?? expected.waiting.first(where: { calls[$0] == nil }) {
            let divergence = Divergence(
                position: count + 1, standing: known.contains(number) ? .open : .nothing,
                expected: known.contains(number) ? self.calls[number].step : nil,
                asked: calls[number].map { [$0.step] } ?? [], hasEnded: rest.end != nil)
            throw WorkflowTestFailure("\(place), does not agree: \(divergence)", divergence: divergence)
        }
        if rest.end != expected.end {
            throw WorkflowTestFailure(
                "\(place), does not agree: the function came to \(expected.end ?? "no end yet"), and now to \(rest.end ?? "no end"); it depends on "
                    + "something that is neither its input nor a step's result")
        }
        let changed = Set(rest.waiting).symmetricDifference(expected.waiting).min()
            .flatMap { self.calls.indices.contains($0) ? self.calls[$0].step : nil }
        throw WorkflowTestFailure(
            "\(place), does not agree: the function \(changed.map { "waits for \($0) one time and not the other" } ?? "makes other calls")"
        )
    }

    private func name(ofOutcome count: Int) -> String {
        guard count > 0, let record = try? OutcomeRecord(Array(records[count - 1].utf8)) else { return "" }
        return record.outcome.step.isEmpty ? " (a cancellation)" : " (step \"\(record.outcome.step)\")"
    }

    /// - Throws: ``WorkflowTestFailure`` for a function that is not at rest, or that cannot go on.
    static func check(_ instance: RunInstance, _ run: String) throws {
        if let misuse = instance.takeMisuses().first { throw WorkflowTestFailure(misuse) }
        switch instance.progress {
        case .stuck(.divergence(let divergence)):
            throw WorkflowTestFailure(
                "run \(run) does not agree with its history: \(divergence)", divergence: divergence)
        case .stuck(.undecodable(let sentence)), .stuck(.unfitInput(let sentence)), .stuck(.other(let sentence)):
            throw WorkflowTestFailure("run \(run) cannot go on: \(sentence)")
        case .waiting, .finished, .continued:
            if instance.executor.foreignJobs == 0 { return }
        case .escaped: break
        }
        let place = instance.lastStep.map { "after step \"\($0)\"" } ?? "before the outcome of its first step"
        throw WorkflowTestFailure(
            "run \(run): its function awaits something that is not a step \(place) (Task.sleep, the main actor, an actor that others use): move it "
                + "into a step's body")
    }
}
