/// What concerns more than one run: the server, pauses, the workers of a queue, time.
extension Findings {
    /// - Parameter isAside: whether that Redis is full is told besides.
    mutating func judgeServer(isAside: Bool = false) {
        if let memory = picture.memory {
            var facts = self.facts()
            facts.add("policy", words: Facts.name(memory.evictionPolicy.isEmpty ? "noeviction" : memory.evictionPolicy))
            if memory.isFull {
                facts.add("used", memory.counted)
                facts.add("most", memory.maximum)
                facts.add("advice", words: memory.advice(keys))
                var found = Found(.redisFull, isAside ? .waiting : .stuck, facts)
                found.isAside = isAside
                add(found)
            } else if memory.warningOfPolicy != nil {
                var found = Found(.redisEvicts, .waiting, facts)
                found.isAside = true
                add(found)
            }
        }
        if let hindrance = picture.hindrance {
            var facts = self.facts()
            facts.add("reason", words: hindrance.sentence)
            facts.add("advice", words: hindrance.advice)
            add(Found(.redisReadOnly, .stuck, facts))
        }
    }

    // MARK: Pauses

    mutating func judgePauses(_ run: SeenRun) {
        judgeQueuePause(run)
        if let pause = picture.workflowPause {
            var found = paused(.workflowPaused, pause, waiting: picture.unservedLength, run)
            found.isAside = !isWaiting(run)
            add(found)
        }
    }

    mutating func judgeQueuePause(_ run: SeenRun) {
        guard let pause = picture.queuePause else { return }
        var found = paused(.queuePaused, pause, waiting: picture.queueLength, run)
        found.isAside = !isWaiting(run)
        add(found)
    }

    private func paused(
        _ cause: Explanation.Cause, _ pause: SeenPause, waiting: Int?, _ run: SeenRun
    ) -> Found {
        var facts = self.facts()
        facts.add(cause == .queuePaused ? "queue" : "workflow", name: cause == .queuePaused ? run.queue : run.workflow)
        facts.add("since", time: pause.since, ago: "for", now: now)
        facts.add("by", name: pause.by)
        facts.add("reason", text: pause.reason)
        facts.add("waiting", waiting)
        return Found(cause, .stuck, facts, since: pause.since)
    }

    /// Whether something of it waits to be taken by a worker.
    private func isWaiting(_ run: SeenRun) -> Bool {
        if run.turn == "queue" || run.turn == "unserved" {
            return !picture.items.contains { item in
                switch item.place {
                case .delayed, .claimed: item.kind == .turn
                default: false
                }
            }
        }
        return picture.items.contains { item in
            switch item.place {
            case .queue, .unserved: true
            case nil: item.mayBeInQueue
            case .claimed, .delayed: false
            }
        }
    }

    // MARK: Workers

    func isServed(_ queue: String) -> Bool {
        picture.fleet.workers.contains { !$0.isSilent && $0.queues.contains(queue) }
    }

    /// Of a queue that no worker serves which is alive; `nil` if not every worker was looked at.
    func unserved(_ queue: String, isAside: Bool) -> Found? {
        let fleet = picture.fleet
        guard fleet.isComplete else { return nil }
        let (alive, silent) = (fleet.workers.filter { !$0.isSilent }, fleet.workers.filter(\.isSilent))
        var facts = self.facts()
        facts.add("queue", name: queue)
        facts.mark("nobody", if: alive.isEmpty)
        facts.add("alive", alive.count)
        if !silent.isEmpty { facts.add("silent", silent.count) }
        var served: [String: Int] = [:]
        for worker in alive { for queue in worker.queues { served[queue, default: 0] += 1 } }
        let names = served.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let more = names.count > 5 ? " and \(names.count - 5) more" : ""
        facts.add(
            "serves",
            words: names.prefix(5).map { "\(Facts.name($0.key)) (\($0.value))" }.joined(separator: ", ") + more)
        let mayComeBack = silent.contains { !$0.isOverdue && $0.queues.contains(queue) }
        var found = Found(.noWorkerForQueue, mayComeBack ? .unknown : .stuck, facts)
        found.isAside = isAside
        found.workers = (alive + silent).prefix(100).map { worker in
            let serves = "it serves \(Facts.names(worker.queues.sorted()))"
            return .init(
                name: Facts.name(worker.name), can: false,
                why: worker.isSilent ? "is silent for \(Facts.length(worker.silence)); \(serves)" : serves)
        }
        return found
    }

    /// A run that only waits needs a worker later.
    mutating func judgeService(_ run: SeenRun) {
        let isTold = all.contains { [.noWorkerForQueue, .heldByDeadNobodyLeft].contains($0.cause) }
        if isTold || isServed(run.queue) { return }
        let needsOneNow =
            isWaiting(run) || run.status == .ending
            // The workers of a queue move what is due for it.
            || picture.fleet.alive > 0 && all.contains { $0.cause == .dueNotMoved }
            || picture.items.contains { item in if case .claimed = item.place { true } else { false } }
        add(unserved(run.queue, isAside: !needsOneNow))
    }

    mutating func judgeClocks() {
        for worker in picture.fleet.workers {
            guard let clock = worker.clock, clock.magnitude >= 5000 else { continue }
            var facts = self.facts()
            facts.add("worker", name: worker.name)
            facts.add("host", name: worker.host)
            facts.add("skew", length: Int(clamping: clock.magnitude))
            facts.add("direction", words: clock > 0 ? "ahead of" : "behind")
            var found = Found(.clockSkew, .waiting, facts)
            found.isAside = true
            add(found)
            return
        }
    }

    // MARK: Its end

    mutating func judgeCancelling(_ run: SeenRun) {
        guard let reason = run.cancelled else { return }
        var facts = self.facts()
        facts.add("reason", text: reason.isEmpty ? "no reason was given" : reason)
        facts.add("step", name: run.inline.isEmpty ? picture.open.keys.min() : run.inline)
        add(Found(.cancelling, .waiting, facts))
    }

    mutating func judgeDeadline(_ run: SeenRun) {
        guard let deadline = run.deadline, run.status != .ending else { return }
        if let late = late(deadline, .run) { return add(late) }
        guard deadline - now <= 3_600_000 else { return }
        var facts = self.facts()
        facts.add("until", time: deadline, in: "in", now: now)
        var found = Found(.deadlineNear, .waiting, facts, until: deadline)
        found.isAside = true
        add(found)
    }
}
