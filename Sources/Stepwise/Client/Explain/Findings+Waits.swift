/// Steps that wait for a time, an event, another run or each other.
extension Findings {
    func sleeping(_ step: String, _ open: OpenStep) -> Found {
        let wake = open.limits["wake"]
        if let wake, let late = late(wake, .step(step)) { return late }
        var facts = self.facts(.step(step))
        facts.add("until", time: wake, in: "in", now: now)
        return Found(.sleeping, .waiting, facts, until: wake)
    }

    func waiting(_ step: String, _ open: OpenStep) -> Found? {
        guard let event = open.event else { return nil }
        let wake = open.limits["wake"]
        if let wake, let late = late(wake, .step(step)) { return late }
        let seen = picture.events[step]
        let isCallback = event.name.hasPrefix("callback:")
        var facts = self.facts(.step(step))
        // Its digest says nothing to anybody.
        if !isCallback { facts.add("event", name: event.name) }
        facts.add("since", time: seen?.since, ago: "for", now: now)
        facts.add("until", time: wake, in: "in", now: now)
        facts.mark("unlimited", if: wake == nil)
        if !isCallback {
            if let waiting = seen?.waiting, waiting > 0 { facts.add("waiting", waiting) }
            if !picture.mail.isEmpty { facts.add("names", words: Facts.names(picture.mail)) }
        }
        return Found(
            isCallback ? .waitsForCallback : .waitsForEvent, .waiting, facts, since: seen?.since, until: wake)
    }

    // MARK: Children

    /// A step that waits for a run, with what is found of that run; `nil` if it was not looked at.
    package struct Child: Sendable {
        package var step: String
        package var run: String
        package var workflow: String?
        package var found: Found?
        package var verdict: Explanation.Verdict?
    }

    package var children: [Child] {
        var seen: Set<String> = []
        return picture.open.sorted { $0.key < $1.key }.compactMap { step, text in
            guard let id = OpenStep(text)?.child else { return nil }
            // One step waits for a run: whatever else is written, it is looked at once.
            return seen.insert(id).inserted ? child(step, id) : Child(step: step, run: id)
        }
    }

    private func child(_ step: String, _ id: String) -> Child {
        // A run has one parent: so nobody is looked at twice.
        guard var its = picture.children[id], its.run == nil || its.run?.parent == picture.id else {
            return Child(step: step, run: id)
        }
        its.children = picture.children
        its.children[id] = nil
        let findings = Findings(its, keys: keys)
        return Child(
            step: step, run: id, workflow: its.run?.workflow, found: findings.all.first, verdict: findings.verdict)
    }

    mutating func judgeChildren(_ run: SeenRun) {
        let children = self.children
        let known = children.filter { $0.found != nil }.min { Self.rank($0.verdict) < Self.rank($1.verdict) }
        guard let worst = known ?? children.first else { return }
        let verdicts = children.map(\.verdict)
        var facts = self.facts(.step(worst.step))
        facts.add("child", name: worst.run)
        facts.add("childWorkflow", name: worst.workflow)
        if let found = worst.found { facts.add("sentence", words: found.sentence) }
        if children.count > 1 {
            facts.add("children", children.count)
            facts.add("counts", words: Self.counts(verdicts))
        }
        add(Found(.waitsForChild, Self.verdict(verdicts), facts, since: worst.found?.since))
    }

    private static func rank(_ verdict: Explanation.Verdict?) -> Int {
        let order: [Explanation.Verdict] = [.stuck, .unknown, .waiting, .moving, .ended]
        return verdict.flatMap { order.firstIndex(of: $0) } ?? order.count
    }

    /// How many runs fare how: the numbers add up to all of them.
    private static func counts(_ verdicts: [Explanation.Verdict?]) -> String {
        let words: [(Explanation.Verdict?, String, String)] = [
            (.stuck, "is stuck", "are stuck"), (.unknown, "may be stuck", "may be stuck"), (.waiting, "waits", "wait"),
            (.moving, "moves", "move"), (.ended, "has ended", "have ended"),
            (nil, "was not looked at", "were not looked at"),
        ]
        return words.compactMap { verdict, one, more in
            let count = verdicts.count { $0 == verdict }
            return count == 0 ? nil : "\(count) \(count == 1 ? one : more)"
        }.joined(separator: ", ")
    }

    /// Of a step that waits for all of these runs.
    private static func verdict(_ verdicts: [Explanation.Verdict?]) -> Explanation.Verdict {
        if verdicts.contains(where: { $0 == .moving || $0 == .waiting || $0 == .ended }) { return .waiting }
        return verdicts.contains(.stuck) && !verdicts.contains(where: { $0 != .stuck }) ? .stuck : .unknown
    }

    // MARK: Several steps

    mutating func judgeJoin(_ run: SeenRun) {
        guard run.joins, picture.openCount > 1 else { return }
        var seen: Set<String> = []
        let branches = all.filter { found in
            guard let step = found.step, !found.isAside else { return false }
            return seen.insert(step).inserted
        }
        var facts = self.facts()
        facts.add("open", picture.openCount)
        let done = run.recorded - max(0, run.delivered)
        if done > 0 { facts.add("done", done) }
        var words = branches.prefix(5).map { "\(Facts.name($0.step ?? "")) \($0.brief)" }
        let rest = picture.openCount - words.count
        if rest > 0 { words.append(words.isEmpty ? "\(rest) are open" : "\(rest) more are open") }
        facts.add("branches", words: words.joined(separator: ", "))
        let isMoving = branches.contains { $0.verdict == .moving }
        add(Found(.joining, isMoving ? .moving : branches.first?.verdict ?? .waiting, facts))
    }
}

extension Found {
    /// The cause in a few words, behind a step's name.
    fileprivate var brief: String {
        switch cause {
        case .bodyRunning: "runs" + (facts.shown("worker").map { " on \($0)" } ?? "")
        case .backingOff: "is tried again" + (facts.shown("in").map { " in \($0)" } ?? "")
        case .sleeping: "sleeps"
        case .waitsForEvent: "waits for an event"
        case .waitsForCallback: "waits for its callback"
        case .waitsForChild: "waits for a run"
        case .claimedNotBegun: "is with a worker"
        case .inQueue, .slotsFull: "is in a queue"
        case .noSlotThere: "waits for a slot"
        case .noWorkerForQueue, .noWorkerForWorkflow: "waits for a worker that can take it"
        case .heldBySilentWorker, .heldByDeadNobodyLeft: "is with a worker that is silent or dead"
        case .lastDelivery: "has cost workers their lives"
        default: "is open"
        }
    }
}
