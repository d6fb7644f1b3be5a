// What lies in lists: queues, the lists of what nobody has, and what is due.
extension FleetRows {
    mutating func addPauses() {
        for pause in facts.pauses.sorted(by: { ($0.seen.since ?? 0, $0.name) < ($1.seen.since ?? 0, $1.name) }) {
            let since = pause.words(now: facts.now)
            if pause.isQueue {
                let queue = facts.queues[pause.name]
                let items = (queue?.ready ?? 0) + (queue?.pushed ?? 0)
                note(queue)
                groups.append(
                    Row(
                        .queuePaused, items > 0 ? .stuck : .waiting, count: items, .items, isExact: queue != nil,
                        oldest: date(pause.seen.since), runs: queue?.runs ?? [],
                        sentence:
                            "Queue \(Facts.name(pause.name)) has been paused\(since); \(items.of("item waits", "items wait")) in it",
                        next: [
                            action("resume --queue", pause.name, effect: "lets workers claim from it again")
                        ]))
            } else {
                let lists = facts.unserved.filter { $0.key.workflow == pause.name }
                let items = lists.values.reduce(0, +)
                groups.append(
                    Row(
                        .workflowPaused, items > 0 ? .stuck : .waiting, count: items, .items,
                        isExact: facts.areListsKnown, oldest: date(pause.seen.since), workflows: [pause.name],
                        runs: sample(.noWorker).filter { $0.workflow == pause.name }.map(\.id),
                        sentence:
                            "Workflow \(Facts.name(pause.name)) has been paused\(since); \(items.of("work item of it waits", "work items of it wait"))",
                        next: [
                            action("resume --workflow", pause.name, effect: "lets its runs go on within two seconds")
                        ]))
            }
        }
    }

    /// Counts the runs whose work items lie in a queue from which nobody claims.
    private mutating func note(_ queue: FleetFacts.Queue?) {
        guard let queue else { return }
        stuckRuns.formUnion(queue.runs)
        if !queue.isWhole { isExact = false }
    }

    func isPaused(queue: String) -> Bool { facts.pauses.contains { $0.isQueue && $0.name == queue } }

    func isPaused(workflow: String) -> Bool { facts.pauses.contains { !$0.isQueue && $0.name == workflow } }

    mutating func addQueues() {
        guard facts.workers.alive > 0 else { return }
        if !facts.areListsKnown || !facts.workers.areAllLooked { isExact = false }
        guard facts.workers.areAllLooked else { return }
        let served = Set(facts.workers.living.flatMap(\.queues))
        let idle = facts.queues.filter { name, queue in
            queue.ready + queue.pushed > 0 && !served.contains(name) && !isPaused(queue: name)
        }
        // What the engine has written comes before what anybody may push.
        let sorted = idle.sorted { a, b in
            (b.value.ready, b.value.pushed, a.key) < (a.value.ready, a.value.pushed, b.key)
        }
        let alive = facts.workers.alive
        let serve = served.sorted().prefix(5).map { Facts.name($0) }.joined(separator: ", ")
        for (name, queue) in sorted.prefix(Self.most) {
            note(queue)
            let what = [
                queue.ready > 0 ? queue.ready.of("work item", "work items") : nil,
                queue.pushed > 0 ? queue.pushed.of("pushed item", "pushed items") : nil,
            ].compactMap { $0 }.joined(separator: " and ")
            groups.append(
                Row(
                    .noWorkerForQueue, .stuck, count: queue.ready + queue.pushed, .items, runs: queue.runs,
                    sentence:
                        "No worker that is alive claims from queue \(Facts.name(name)), in which \(what) \(queue.ready + queue.pushed == 1 ? "waits" : "wait"): "
                        + "\(alive.of("is alive, and serves", "are alive, and serve")) \(serve.isEmpty ? "no queue" : serve)",
                    next: [
                        Action(command: nil, effect: "start a worker with queues: [\"\(Facts.name(name))\"]")
                    ]))
        }
        let rest = sorted.dropFirst(Self.most)
        for (_, queue) in rest { note(queue) }
        if !rest.isEmpty || facts.otherQueues > 0 {
            let items = rest.reduce(0) { $0 + $1.value.ready + $1.value.pushed }
            groups.append(
                Row(
                    .noWorkerForQueue, .unknown, count: max(items, facts.otherQueues), .items, isExact: false,
                    sentence:
                        "\((rest.count + facts.otherQueues).of("more queue holds", "more queues hold")) something, and it was not looked who claims from there",
                    next: [Action(command: keys.command("queues"), effect: "shows who claims from which queue")]))
        }
    }

    mutating func addUnserved() {
        let total = count(.noWorker)
        let runs = sample(.noWorker)
        stuckCount += total
        // That nobody is alive says it all.
        if facts.workers.alive == 0 { return }
        var lists = facts.unserved.filter { $0.value > 0 && !isPaused(workflow: $0.key.workflow) }
        let areExact = facts.areListsKnown
        for run in runs where !isPaused(workflow: run.workflow) {
            let list = UnservedList(queue: run.queue, workflow: run.workflow)
            if lists[list] == nil { lists[list] = runs.count { $0.workflow == run.workflow && $0.queue == run.queue } }
        }
        let sorted = lists.sorted { a, b in
            (b.value, a.key.workflow, a.key.queue) < (a.value, b.key.workflow, b.key.queue)
        }
        for (list, items) in sorted.prefix(Self.most) {
            let some = runs.filter { $0.workflow == list.workflow && $0.queue == list.queue }
            let built = row(of: list, items, some, isExact: areExact)
            groups.append(built)
        }
        let rest = sorted.dropFirst(Self.most)
        if !rest.isEmpty {
            let items = rest.reduce(0) { $0 + $1.value }
            groups.append(
                Row(
                    .noWorkerForWorkflow, .stuck, count: items, .items, isExact: areExact,
                    sentence:
                        "\(items.of("work item", "work items")) of \(rest.count.of("more workflow", "more workflows")) without a worker: \(items == 1 ? "it waits" : "they wait") for one",
                    next: [Action(command: keys.command("queues"), effect: "shows them all")]))
        }
    }

    private mutating func row(
        of list: UnservedList, _ items: Int, _ runs: [FleetFacts.Run], isExact: Bool
    ) -> Row {
        let versions = Set(runs.flatMap(\.incompatibleVersions)).sorted()
        let sums = WorkerSums(
            facts.workers.looked, queue: list.queue, workflow: list.workflow, unfit: versions)
        let able = sums.able
        let (workflow, queue) = (Facts.name(list.workflow), Facts.name(list.queue))
        if !able.isEmpty {
            // They take it up by themselves.
            stuckCount -= min(stuckCount, runs.count)
            self.isExact = self.isExact && runs.count >= count(.noWorker)
            return Row(
                .noSlotThere, .waiting, count: items, .items, isExact: isExact, oldest: date(runs.map(\.since).min()),
                workflows: [list.workflow], runs: runs.map(\.id),
                sentence:
                    "\(items.of("work item", "work items")) of workflow \(workflow) \(items == 1 ? "waits" : "wait") for a free slot: of queue \(queue), "
                    + "\(able.count.of("worker has it and looks", "workers have it and look")) every 2 s",
                next: [Action(command: nil, effect: "start more workers if that takes too long")])
        }
        let looked = facts.workers.areAllLooked ? "" : " that were looked at"
        let version = versions.isEmpty ? "" : " in another version than \(Facts.names(versions, most: 5))"
        return Row(
            .noWorkerForWorkflow, facts.workers.areAllLooked ? .stuck : .unknown, count: items, .items,
            isExact: isExact, oldest: date(runs.map(\.since).min()), workflows: [list.workflow], runs: runs.map(\.id),
            sentence:
                "0 of \(sums.total.of("worker", "workers"))\(looked) can take the \(items.of("work item", "work items")) of workflow \(workflow) in queue \(queue)"
                + (sums.total > 0 ? ": \(sums.text)" : "")
                + (sums.nearest.map { " (they have \(Facts.name($0)))" } ?? ""),
            next: [
                Action(
                    command: nil,
                    effect: "start a worker that has workflow \(workflow)\(version) and claims from queue \(queue)")
            ])
    }

    mutating func addOverdue() {
        let overdue = facts.overdue
        if overdue.count == 0 || facts.workers.alive == 0 { return }
        stuckRuns.formUnion(overdue.runs)
        if overdue.runs.count < overdue.count { isExact = false }
        let age = Facts.length(max(0, facts.now - (overdue.oldest ?? facts.now).bounded))
        groups.append(
            Row(
                .dueNotMoved, .stuck, count: overdue.count, .items, oldest: date(overdue.oldest), runs: overdue.runs,
                sentence:
                    "\(overdue.count.of("start, timer, retry or time limit is", "starts, timers, retries or time limits are")) due, the oldest for \(age), and nobody has moved \(overdue.count == 1 ? "it" : "them")",
                next: [
                    Action(
                        command: keys.command("health"),
                        effect: "tells what keeps the workers from it; without one: start one")
                ]))
    }
}
