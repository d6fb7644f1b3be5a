/// Checks a whole namespace against the contract: conservation (rule 1), and that its keys agree with each other.
///
/// It only reads, a page at a time, while a fleet may be at work. So it begins with one look at everything; whatever
/// looks wrong then is looked at again, up to five times, and counts only if two looks in a row found the same on the
/// same grounds.
package struct Doctor: Sendable {
    private let client: StepwiseClient
    private let pause: Duration
    private static let looks = 5

    /// - Parameter pause: between two looks at a suspect.
    package init(_ client: StepwiseClient, pause: Duration = .milliseconds(200)) {
        self.client = client
        self.pause = pause
    }

    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func examine() async throws -> DoctorReport {
        var report = try await examineKeys()
        if let memory = try await client.memory() { report.note(memory, client.keys) }
        if let hindrance = try await client.hindrance(isSilent: false) {
            report.warnings.append("\(hindrance.sentence); \(hindrance.advice)")
        }
        return report
    }

    private func examineKeys() async throws -> DoctorReport {
        var report = DoctorReport()
        var ids: Set<String> = []
        var lists = WorkItemSurvey.Lists()
        var strangers: [String: String] = [:]
        var inboxes = StrangeInboxes()
        var labels: Set<String> = []
        try await look { key, name, type in
            if let key, key.type == nil || key.type == type {
                lists.add(key)
                if case .label(let name) = key { labels.insert(name) }
                if let id = key.runID { ids.insert(id) }
            } else if key != nil || !inboxes.add(name) {
                strangers[name] = type
            }
        }
        if strangers.keys.contains(where: Self.hidesWorkers) {
            // Without the workers nobody can say where claims are; this comes first.
            report.violations = try await confirmTypes(strangers)
            return report
        }
        for status in RunStatus.all where strangers["runs:\(status)"] == nil {
            try await client.scanSortedSet(client.keys.runs(status)) { entries in ids.formUnion(entries.map(\.member)) }
        }
        if strangers["dead"] == nil {
            try await client.scanSortedSet(client.keys.dead) { entries in ids.formUnion(entries.map(\.member)) }
        }
        var survey = try await client.surveyWorkItems(lists)
        survey.namespace.strangers = strangers
        ids.formUnion(survey.movers.keys)
        ids.formUnion(survey.unfit.keys)
        // A run of which a key has another type cannot be read; that key is what is reported of it.
        ids.subtract(strangers.keys.compactMap { NamespaceKey($0)?.runID })
        report.note(survey)
        inboxes.add(lists.inboxes, servedQueues: survey.servedQueues)
        report.warnings += inboxes.warnings(keys: client.keys)
        let idle = lists.queues.subtracting(survey.servedQueues)
        if !survey.servedQueues.isEmpty, let first = idle.min() {
            report.warnings.append(
                "no worker that is alive claims from \(idle.count) queues on which work waits, such as \"\(first)\": start one that does, or "
                    + "cancel what nobody needs (\(client.keys.command("runs --status queued")) lists it)")
        }
        if strangers["schedules"] == nil, report.schedules > 0 {
            report.warnings += try await client.schedules.list().schedules.flatMap { $0.notes(client.keys) }
        }
        if strangers["malformed"] == nil { report.malformed = try await client.length(client.keys.malformed) }

        let suspects = try await examineRuns(ids.sorted(), survey, &report)
        survey.namespace.indexes = try await client.surveyIndexes(found: labels, runs: ids.sorted())
        report.warnings += survey.namespace.indexes.warnings(keys: client.keys)
        if let warning = report.clock.warning(now: try await client.redisTime()) { report.warnings.append(warning) }
        report.violations = try await confirm(suspects, survey.namespace)
        return report
    }

    private static func hidesWorkers(_ name: String) -> Bool {
        switch NamespaceKey(name) {
        case .single("workers"), .worker: true
        default: false
        }
    }

    private func confirmTypes(_ strangers: [String: String]) async throws -> [Violation] {
        var snapshot = NamespaceSnapshot()
        snapshot.strangers = try await stillStrange(strangers)
        return snapshot.violations(keys: client.keys)
    }

    /// Which of the keys that had a strange name or type have one now, with their types.
    private func stillStrange(_ strangers: [String: String]) async throws -> [String: String] {
        let names = strangers.keys.sorted()
        let pairs = zip(names, try await client.types(of: names))
        return Dictionary(
            uniqueKeysWithValues: pairs.filter { name, type in type != "none" && NamespaceKey(name)?.type != type })
    }

    /// One look at every key's name and type.
    private func look(_ body: (NamespaceKey?, String, String) -> Void) async throws {
        try await client.scanKeys { names in
            for (name, type) in zip(names, try await client.types(of: names)) {
                let isThere = type != "none" || (StrangeInboxes.isInbox(name) && StrangeInboxes.isUnreadable(name))
                if isThere { body(NamespaceKey(name), name, type) }
            }
        }
    }

    /// The first look at each run, a few hundred at a time.
    /// - Returns: the suspects.
    private func examineRuns(
        _ ids: [String], _ survey: WorkItemSurvey, _ report: inout DoctorReport
    ) async throws -> Set<String> {
        var suspects: Set<String> = []
        for start in stride(from: 0, to: ids.count, by: 200) {
            for run in try await client.inspect(Array(ids[start..<min(start + 200, ids.count)])) {
                let diagnosis = RunDiagnosis(
                    run, movers: survey.movers[run.id] ?? [], served: survey.served, unfit: survey.unfit[run.id] ?? [],
                    keys: client.keys)
                report.note(run, obsolete: diagnosis.obsolete)
                if !diagnosis.violations.isEmpty { suspects.insert(run.id) }
            }
        }
        return suspects
    }

    // MARK: Looking again

    private func confirm(_ runs: Set<String>, _ namespace: NamespaceSnapshot) async throws -> [Violation] {
        var suspicion = Suspicion()
        suspicion.add(namespace.violations(keys: client.keys), about: nil)
        for run in runs { suspicion.open(run) }
        var confirmed: [Violation] = []
        for look in 0..<Self.looks where !suspicion.isEmpty {
            if look > 0 { try await Task.sleep(atMost: pause) }
            confirmed += try await lookAgain(&suspicion, namespace)
        }
        return confirmed.sorted { ($0.run ?? "", $0.step ?? "", $0.line) < ($1.run ?? "", $1.step ?? "", $1.line) }
    }

    /// One more look at all suspects: the work items between two looks at the runs themselves. What both say counts.
    private func lookAgain(_ suspicion: inout Suspicion, _ namespace: NamespaceSnapshot) async throws -> [Violation] {
        let ids = suspicion.runs.sorted()
        let before = try await inspectPaged(ids)
        var lists = WorkItemSurvey.Lists()
        try await client.scanKeys { names in
            for name in names { NamespaceKey(name).map { lists.add($0) } }
        }
        for run in before {
            // A list that is empty at this moment may not be a moment later.
            if let fields = run.fields {
                lists.queues.insert(fields.queue)
                lists.unserved.insert(UnservedList(queue: fields.queue, workflow: fields.workflow))
                lists.unfit.insert(fields.workflow)
            }
        }
        var survey = try await client.surveyWorkItems(lists, of: suspicion.runs)
        survey.namespace.strangers = try await stillStrange(namespace.strangers)
        survey.namespace.indexes = try await client.stillWrong(namespace.indexes)
        let after = try await inspectPaged(ids)
        var confirmed: [Violation] = []
        for (first, second) in zip(before, after) {
            let movers = survey.movers[first.id] ?? []
            let unfit = survey.unfit[first.id] ?? []
            let seen = Set(
                RunDiagnosis(second, movers: movers, served: survey.served, unfit: unfit, keys: client.keys).violations)
            let both = RunDiagnosis(first, movers: movers, served: survey.served, unfit: unfit, keys: client.keys)
                .violations.filter(seen.contains)
            confirmed += suspicion.add(both, about: first.id)
        }
        guard suspicion.suspectsNamespace else { return confirmed }
        return confirmed + suspicion.add(survey.namespace.violations(keys: client.keys), about: nil)
    }

    private func inspectPaged(_ ids: [String]) async throws -> [RunSnapshot] {
        var runs: [RunSnapshot] = []
        for start in stride(from: 0, to: ids.count, by: 200) {
            runs += try await client.inspect(Array(ids[start..<min(start + 200, ids.count)]))
        }
        return runs
    }
}

/// Who is suspected of what, and since which look. A value.
package struct Suspicion: Sendable {
    /// What the last look found; `nil` is the namespace itself.
    private var last: [String?: Set<Violation>] = [:]

    package init() {}

    package var isEmpty: Bool { last.isEmpty }
    package var runs: Set<String> { Set(last.keys.compactMap { $0 }) }
    /// Whether the case of the namespace itself is still open.
    package var suspectsNamespace: Bool { last.keys.contains(nil) }

    /// Takes up a run without believing anything of it yet.
    package mutating func open(_ run: String) {
        last[run] = []
    }

    /// Adds what one look found.
    ///
    /// - Returns: what the look before had found as well; the case is closed then, and also when nothing was found.
    @discardableResult
    package mutating func add(_ violations: [Violation], about run: String?) -> [Violation] {
        guard !violations.isEmpty else {
            last[run] = nil
            return []
        }
        let confirmed = violations.filter { last[run]?.contains($0) ?? false }
        last[run] = confirmed.isEmpty ? Set(violations) : nil
        return confirmed
    }
}

/// What a doctor has found.
package struct DoctorReport: Sendable {
    package var runs = 0
    package var liveRuns = 0
    package var openSteps = 0
    package var workItems = 0
    /// Work items that nobody waits for; they may lie about, who claims one drops it.
    package var obsolete = 0
    package var schedules = 0
    /// Pushed items that wait on queues.
    package var pushed = 0
    /// Items on queues that will be rejected.
    package var unreadable = 0
    /// Items that were rejected.
    package var malformed = 0
    /// What is not right and breaks no rule: threads that user code holds, inboxes that nobody reads, schedules that start nothing, memory that is
    /// nearly full, a Redis that takes no writes for another reason, a clock that went back.
    package var warnings: [String] = []
    package var violations: [Violation] = []
    /// By the times that workers and runs have.
    var clock = RedisClock()

    package init() {}

    mutating func note(_ survey: WorkItemSurvey) {
        (workItems, pushed, unreadable) = (survey.count, survey.pushed, survey.unreadable)
        warnings = survey.stuck.sorted()
        clock = survey.clock
        schedules = survey.namespace.schedules.count + survey.namespace.unreadableSchedules.count
    }

    mutating func note(_ memory: RedisMemory, _ keys: Keys) {
        if let warning = memory.warningOfPolicy { warnings.append(warning) }
        if memory.isFull {
            let violation = Violation(
                .memoryFull, key: "INFO memory", memory.sentenceWhenFull, advice: memory.advice(keys))
            violations.insert(violation, at: 0)
        } else if memory.isNearlyFull {
            warnings.append(memory.warningWhenNearlyFull(keys))
        }
    }

    mutating func note(_ run: RunSnapshot, obsolete: Int) {
        if let fields = run.fields {
            runs += 1
            clock.note(Generation.created(Generation.number(of: fields.generation)))
        }
        if run.isLive {
            liveRuns += 1
            openSteps += run.openSteps
        }
        self.obsolete += obsolete
    }
}
