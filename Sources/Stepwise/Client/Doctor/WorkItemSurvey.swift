/// Every work item of a namespace that a walk over its lists found, by run.
struct WorkItemSurvey: Sendable {
    /// Keyed by run id.
    var movers: [String: [Mover]] = [:]
    var count = 0
    /// Pushed items that no worker has accepted yet.
    var pushed = 0
    /// Items that are not work items; who claims one moves it to `malformed`.
    var unreadable = 0
    var namespace = NamespaceSnapshot()
    /// The workflows in whose `unfit:<workflow>` a run stands.
    var unfit: [String: [String]] = [:]
    /// The workflows of the workers that are alive.
    var served: Set<String> = []
    /// The queues from which these claim.
    var servedQueues: Set<String> = []
    /// What user code holds of the threads of the workers that are alive.
    var stuck: [String] = []
    /// By the times that the workers' entries have.
    var clock = RedisClock()

    /// What a walk has to go over.
    struct Lists: Sendable {
        var queues: Set<String> = []
        var inboxes: Set<String> = []
        var unserved: Set<UnservedList> = []
        var unfit: Set<String> = []
        var claims: Set<NamespaceSnapshot.ClaimList> = []
        var accepting: Set<NamespaceSnapshot.ClaimList> = []
        /// Workers that have an entry, in the index or not.
        var workers: Set<String> = []
        /// Workers of which it is told what their bodies do.
        var busy: Set<String> = []

        mutating func add(_ key: NamespaceKey) {
            switch key {
            case .queue(let name): queues.insert(name)
            case .unserved(let list): unserved.insert(list)
            case .unfit(let workflow): unfit.insert(workflow)
            case .worker(let name): workers.insert(name)
            case .busy(let name): busy.insert(name)
            case .claimed(let worker, let queue): claims.insert(.init(worker: worker, queue: queue))
            case .inbox(let name): inboxes.insert(name)
            case .accepting(let worker, let queue): accepting.insert(.init(worker: worker, queue: queue))
            default: break
            }
        }
    }

    mutating func add(_ item: [UInt8], _ place: Mover.Place, of wanted: Set<String>?) {
        let text = String(decoding: item, as: UTF8.self)
        switch WorkItem(text) {
        case nil: unreadable += 1
        case let workItem?:
            guard let run = workItem.run else { return }
            count += 1
            if wanted?.contains(run) ?? true { movers[run, default: []].append(Mover(text, place)) }
        }
    }
}

extension StepwiseClient {
    /// Walks over the lists in the direction in which work items move, so that one which moves meanwhile is still met:
    /// `delayed` and unserved lists, queues, claims.
    ///
    /// - Parameters:
    ///   - lists: the lists that are known; those that the workers name are added.
    ///   - wanted: only these runs' work items are kept; `nil` for all.
    func surveyWorkItems(_ lists: WorkItemSurvey.Lists, of wanted: Set<String>? = nil) async throws
        -> WorkItemSurvey
    {
        var survey = WorkItemSurvey()
        var lists = lists
        for worker in try await workers() { lists.queues.formUnion(worker.queues) }
        if try await isType("zset", keys.delayed) {
            try await scanSortedSet(keys.delayed) { entries in
                for (member, _) in entries { survey.addDelayed(member, of: wanted) }
            }
        }
        if try await isType("hash", keys.schedules) {
            try await scanHash(keys.schedules) { fields in
                for (name, json) in fields { survey.namespace.addSchedule(name, json) }
            }
        }
        for list in lists.unserved.sorted(by: { ($0.workflow, $0.queue) < ($1.workflow, $1.queue) }) {
            try await walk(keys.unserved(list.queue, list.workflow), .unserved(list), of: wanted, &survey)
        }
        for workflow in lists.unfit.sorted() where try await isType("hash", keys.unfit(workflow)) {
            try await scanHash(keys.unfit(workflow)) { fields in
                for (run, _) in fields where wanted?.contains(run) ?? true {
                    survey.unfit[run, default: []].append(workflow)
                }
            }
        }
        for queue in lists.inboxes.union(lists.queues) where try await isType("list", keys.inbox(queue)) {
            survey.pushed += try await length(keys.inbox(queue))
        }
        for queue in lists.queues.sorted() { try await walk(keys.queue(queue), .queue(queue), of: wanted, &survey) }

        // Who registered since then claimed what was still on a queue.
        for worker in try await workers(and: lists.workers) {
            var entry = NamespaceSnapshot.Worker()
            (entry.isIndexed, entry.hasEntry, entry.queues) = (worker.isIndexed, worker.hasEntry, worker.queues)
            entry.isUnswept = worker.isUnswept
            survey.namespace.workers[worker.name] = entry
            for time in [worker.started, worker.lastBeat, worker.lastClaim] { survey.clock.note(time) }
            if worker.state == .alive {
                survey.served.formUnion(worker.workflows)
                survey.servedQueues.formUnion(worker.queues)
            }
            if worker.state == .alive, !worker.held.isEmpty || worker.isStopped {
                survey.stuck.append(
                    worker.stuckText + "; find out why that code does not come back, and restart the process")
            }
            if worker.state == .alive, worker.poolHeldSince != nil {
                survey.stuck.append(
                    "worker \(worker.name) claims nothing: step bodies hold every thread of Swift's pool there; begun and not returned: "
                        + "\(worker.poolText.isEmpty ? "unknown" : worker.poolText). Give such steps the option .blocking; bodies that never "
                        + "return end with their process")
            }
            if worker.state == .alive, let text = worker.blockingText {
                survey.stuck.append(text + "; find out why they do not return, and restart the process")
            }
            for queue in worker.queues {
                lists.claims.insert(.init(worker: worker.name, queue: queue))
                lists.accepting.insert(.init(worker: worker.name, queue: queue))
            }
        }
        survey.namespace.busy = lists.busy
        for list in lists.claims.sorted(by: { ($0.worker, $0.queue) < ($1.worker, $1.queue) }) {
            let before = survey.count + survey.unreadable
            try await walk(
                keys.claimed(list.worker, list.queue), .claimed(worker: list.worker, queue: list.queue), of: wanted,
                &survey)
            let found = survey.count + survey.unreadable - before
            if found > 0 { survey.namespace.claims[list] = found }
        }
        for list in lists.accepting {
            let key = keys.accepting(list.worker, list.queue)
            guard try await isType("list", key) else { continue }
            let count = try await length(key)
            survey.pushed += count
            if count > 0 { survey.namespace.accepting[list] = count }
        }
        return survey
    }

    private func walk(
        _ key: String, _ place: Mover.Place, of wanted: Set<String>?, _ survey: inout WorkItemSurvey
    ) async throws {
        guard try await isType("list", key) else { return }
        var found = survey
        try await scanList(key) { items in
            for item in items { found.add(item, place, of: wanted) }
        }
        survey = found
    }

    /// A key of another type is named by itself; it must not end the walk.
    private func isType(_ type: String, _ key: String) async throws -> Bool {
        try await command(.type(key), doing: "reading \(key)") == type
    }
}

extension NamespaceSnapshot {
    fileprivate mutating func addSchedule(_ name: String, _ json: [UInt8]) {
        do { schedules[name] = .some(try StoredSchedule(name: name, json: json).timer) } catch {
            unreadableSchedules[name] = error.reason
        }
    }
}

extension WorkItemSurvey {
    /// An entry is the queue's name, a space, and the work item.
    fileprivate mutating func addDelayed(_ entry: String, of wanted: Set<String>?) {
        let bytes = Array(entry.utf8)
        guard let space = bytes.firstIndex(of: 32), space > 0 else {
            namespace.unreadableDelayed.append(entry)
            return
        }
        let text = Array(bytes[(space + 1)...])
        if let limit = TimeLimit(entry) {
            count += 1
            if wanted?.contains(limit.run) ?? true {
                movers[limit.run, default: []].append(
                    Mover(String(decoding: text, as: UTF8.self), .delayed(queue: limit.queue)))
            }
            return
        }
        if let timer = ScheduleTimer(entry) {
            namespace.timers.insert(timer)
            return
        }
        switch WorkItem(String(decoding: text, as: UTF8.self)) {
        case nil: namespace.unreadableDelayed.append(entry)
        default: add(text, .delayed(queue: String(decoding: bytes[..<space], as: UTF8.self)), of: wanted)
        }
    }
}
