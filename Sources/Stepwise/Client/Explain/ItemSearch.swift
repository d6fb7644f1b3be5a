/// Which work items and times are to be looked for, and what was found of them. A value.
package struct ItemSearch: Sendable {
    private let id: String
    private let run: SeenRun
    /// What is looked for in queues and claims.
    package private(set) var items: [SeenItem] = []
    /// The open steps that a work item should move.
    private var steps: [(step: String, open: OpenStep)] = []
    /// The limits that `delayed` should have.
    private var limits: [TimeLimit] = []
    /// The entries of `delayed` that were asked for, with their times.
    private var due: [String: Int] = [:]
    private var asked: Set<String> = []
    /// Whether every open step was read.
    private let isWhole: Bool

    /// How many entries of `delayed` are asked for.
    private static let mostEntries = 200

    package init(_ id: String, _ run: SeenRun, _ snapshot: RunSnapshot, _ children: [String: RunPicture]) {
        (self.id, self.run) = (id, run)
        isWhole = snapshot.open.count == snapshot.openCount
        if run.status == .ending {
            items = [SeenItem(.end, WorkItem.endText(run: id, generation: run.generation))]
            return
        }
        if !run.turn.isEmpty { items = [SeenItem(.turn, WorkItem.turnText(run: id, generation: run.generation))] }
        if run.deadline != nil { limits = [TimeLimit(queue: run.queue, run: id, generation: run.generation)] }
        for (step, text) in snapshot.open.sorted(by: { $0.key < $1.key }) {
            guard let open = OpenStep(text) else { continue }
            if open.place == "item" { steps.append((step, open)) }
            if !Set(open.limits.keys).isDisjoint(with: ["wake", "total", "claim"]) {
                limits.append(TimeLimit(queue: run.queue, run: id, generation: run.generation, step: step))
            }
            addMessage(step, open, children)
        }
    }

    /// The end of a run that this one waits for comes as a message.
    private mutating func addMessage(_ step: String, _ open: OpenStep, _ children: [String: RunPicture]) {
        guard let child = open.child, let its = children[child], items.count < 3 else { return }
        let parent = ParentStep(run: id, generation: run.generation, step: step).text
        if its.run?.status.isEnded == false, its.run?.parentText == parent { return }
        let text = WorkItem.endedText(run: id, generation: run.generation, child: child, step: step)
        items.append(SeenItem(.ended(step: step), text))
    }

    private func stepText(_ step: String, _ open: OpenStep) -> String {
        "step \(id) \(run.generation) \(open.attempt) \(step)"
    }

    private var startEntry: String { "\(run.queue) \(WorkItem.turnText(run: id, generation: run.generation))" }

    // MARK: What waits for its time

    /// The entries of `delayed` to ask for. The run's own limit is the first of all.
    package var entries: [String] {
        var entries = run.turn == "queue" ? [startEntry] : []
        let limits = self.limits.map(\.entry)
        entries += limits.prefix(1)
        entries += steps.map { entry($0.step, $0.open) }
        entries += limits.dropFirst()
        return Array(entries.prefix(Self.mostEntries))
    }

    private func entry(_ step: String, _ open: OpenStep) -> String { "\(run.queue) \(stepText(step, open))" }

    /// - Returns: when the delayed work items of steps are due.
    package mutating func note(_ entries: [String], _ times: [Double?]) -> [String: Int] {
        asked = Set(entries)
        for (entry, time) in zip(entries, times) {
            if let time { due[entry] = Int(saturating: time).bounded }
        }
        if let time = due[startEntry], let index = items.firstIndex(where: { $0.kind == .turn }) {
            items[index].place = .delayed(time)
        }
        var retries: [String: Int] = [:]
        var others: [(step: String, open: OpenStep)] = []
        for (step, open) in steps {
            let entry = entry(step, open)
            if let time = due[entry] {
                retries[step] = time
            } else if asked.contains(entry) {
                // One that was not asked for may wait there.
                others.append((step, open))
            }
        }
        // What has cost something first.
        let order = others.sorted {
            ($1.open.lost, $1.open.attempt, $0.step) < ($0.open.lost, $0.open.attempt, $1.step)
        }
        for (step, open) in order.prefix(PictureLimits.steps) {
            items.append(SeenItem(.step(step), stepText(step, open)))
        }
        return retries
    }

    /// The steps that are looked for, and those that wait for their next attempt.
    func watchedSteps(_ picture: RunPicture) -> [String] {
        items.compactMap(\.step) + picture.retries.keys.sorted().prefix(20)
    }

    // MARK: What was found

    package mutating func place(_ place: SeenItem.Place, at index: Int) { items[index].place = place }

    /// - Parameters:
    ///   - isQueueSeen: whether the whole queue, and what lies apart from it, was looked through.
    ///   - areClaimsSeen: whether every worker's claims were.
    package mutating func end(isQueueSeen: Bool, areClaimsSeen: Bool) {
        for index in items.indices where items[index].place == nil {
            items[index].mayBeInQueue = !isQueueSeen
            items[index].mayBeClaimed = !areClaimsSeen
        }
    }

    /// For the doctor: every work item and limit that was found.
    private func movers(_ picture: RunPicture) -> [Mover] {
        var movers = items.compactMap { item in
            item.place.map { Mover(item.text, place($0)) }
        }
        movers += limits.filter { due[$0.entry] != nil }.map { Mover($0.text, .delayed(queue: run.queue)) }
        movers += steps.filter { picture.retries[$0.step] != nil }.map { step, open in
            Mover(stepText(step, open), .delayed(queue: run.queue))
        }
        return movers
    }

    private func place(_ place: SeenItem.Place) -> Mover.Place {
        switch place {
        case .queue: .queue(run.queue)
        case .claimed(let worker): .claimed(worker: worker, queue: run.queue)
        case .delayed: .delayed(queue: run.queue)
        case .unserved: .unserved(UnservedList(queue: run.queue, workflow: run.workflow))
        }
    }

    /// What the doctor says of what was seen. Of what was not looked for it says nothing.
    package func violations(_ picture: RunPicture, _ snapshot: RunSnapshot, _ keys: Keys) -> [Violation] {
        var seen = snapshot
        for (child, its) in picture.children {
            seen.children[child] = .init(status: its.run?.status, parent: its.run?.parentText)
        }
        seen.listening = Set(picture.events.filter { $0.value.isListening }.keys)
        let diagnosis = RunDiagnosis(seen, movers: movers(picture), served: [], keys: keys)
        return diagnosis.violations.filter { isCertain($0, picture) } + unregistered(picture, keys)
    }

    /// Nobody looks after the claims of a worker that nobody knows.
    private func unregistered(_ picture: RunPicture, _ keys: Keys) -> [Violation] {
        let fleet = picture.fleet
        return Set(items.compactMap(\.holder)).sorted().compactMap { name in
            guard fleet.isComplete || fleet.unknown.contains(name) else { return nil }
            if fleet.worker(name) != nil || fleet.dead[name] != nil { return nil }
            return Violation(
                .claimsWithoutWorker, run: id, key: keys.claimed(name, run.queue),
                "worker \(Facts.name(name)) holds it, and is not registered",
                advice: "look at \(keys.command("doctor"))", evidence: name)
        }
    }

    /// Whether what the doctor says rests on what was looked at.
    private func isCertain(_ violation: Violation, _ picture: RunPicture) -> Bool {
        switch violation.kind {
        case .stepWithoutMover: items.contains { $0.step == violation.step && $0.isNowhere }
        case .stepWithoutEvent: violation.step.map { picture.events[$0] != nil } ?? false
        case .stepWithoutChild:
            items.contains { item in
                if case .ended(let step) = item.kind { step == violation.step && item.isNowhere } else { false }
            }
        case .limitNotKept:
            limits.contains { $0.step == violation.step && asked.contains($0.entry) }
        case .turnMissing: items.contains { $0.kind == .turn && ($0.isNowhere || $0.place != nil) }
        case .joinDiffers, .stepNotInline: isWhole
        case .endingWithoutMover: items.contains { $0.kind == .end && $0.isNowhere }
        default: true
        }
    }
}
