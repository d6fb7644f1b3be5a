/// What is found in a picture of a run: all causes. A value.
package struct Findings: Sendable {
    let picture: RunPicture
    let keys: Keys
    package internal(set) var all: [Found] = []

    /// How long after its time something may lie until it counts as forgotten: workers look twice a second.
    static let grace = 3000
    /// The most open steps of which each is told by itself.
    static let mostSteps = 50

    package init(_ picture: RunPicture, keys: Keys) {
        (self.picture, self.keys) = (picture, keys)
        judge()
        all = all.enumerated().sorted { one, other in
            Found.isWorse(one.element, than: other.element)
                || !Found.isWorse(other.element, than: one.element) && one.offset < other.offset
        }.map(\.element)
    }

    var now: Int { picture.now }

    /// What becomes of the run if nobody does anything.
    package var verdict: Explanation.Verdict {
        guard let worst = all.first else { return .unknown }
        if worst.verdict == .moving { return motion }
        if worst.verdict != .stuck { return worst.verdict }
        // One branch is stuck, and another goes on.
        guard worst.step != nil || worst.cause == .queuePaused || worst.cause == .workflowPaused,
            worst.cause != .nobodyMoves
        else { return .stuck }
        let goesOn = all.contains { other in
            other.step != worst.step
                && (other.verdict == .moving || other.verdict == .waiting && other.until != nil && !other.isAside)
        }
        return goesOn && (picture.fleet.count == nil || picture.fleet.alive > 0) ? .waiting : .stuck
    }

    /// Of a run on which work is done.
    private var motion: Explanation.Verdict {
        // What breaks the contract may break anything.
        if !picture.violations.isEmpty || picture.isSuspect { return .unknown }
        return isPartial ? .waiting : .moving
    }

    /// Whether a step is open that was not looked for: nothing tells that it will be done.
    private var isPartial: Bool {
        // What ends it needs no other work item.
        if picture.run?.status == .ending { return false }
        if picture.isPartlyRead || picture.open.count > Self.mostSteps { return true }
        return picture.open.contains { step, text in
            OpenStep(text)?.place == "item" && picture.retries[step] == nil
                && !picture.items.contains { $0.step == step }
        }
    }

    private mutating func judge() {
        guard let run = picture.run else { return judgeMissing() }
        if picture.hasMoved {
            var facts = self.facts()
            facts.add("recorded", run.recorded)
            return add(Found(.movedWhileLooking, .moving, facts))
        }
        if run.status.isEnded { return judgeEnded(run) }
        judgeServer()
        judgeViolations()
        judgeDeadline(run)
        switch run.status {
        case .parked:
            judgeParked(run)
            judgeSteps(run)
        case .paused: judgePaused(run)
        case .ending: judgeEnding(run)
        default:
            judgePauses(run)
            judgeTurn(run)
            judgeSteps(run)
            judgeChildren(run)
            judgeJoin(run)
            judgeLosses(run)
            judgeService(run)
            judgeCancelling(run)
        }
        judgeClocks()
        if all.allSatisfy(\.isAside) { judgeNothing(run) }
        spareWork()
    }

    /// What is at work goes on while Redis is full. Nothing else is claimed.
    private mutating func spareWork() {
        guard all.contains(where: { $0.cause == .functionAtWork || $0.cause == .bodyRunning }) else { return }
        for index in all.indices where all[index].cause == .redisFull {
            (all[index].isAside, all[index].verdict) = (true, .waiting)
        }
    }

    mutating func add(_ found: Found?) {
        if let found { all.append(found) }
    }

    /// The facts that every cause has for its commands.
    func facts(_ subject: Facts.Subject = .run) -> Facts {
        var facts = Facts(subject)
        facts.hide("run", picture.id)
        facts.hide("queue", picture.run?.queue)
        facts.hide("workflow", picture.run?.workflow)
        facts.hide("namespace", keys.namespace)
        return facts
    }

    // MARK: What is wrong

    private mutating func judgeViolations() {
        let joins = picture.run?.joins ?? false
        for violation in picture.violations { add(nobodyMoves(violation, stops: violation.kind.stops(joins: joins))) }
    }

    /// - Parameter stops: whether the run does not go on because of it.
    func nobodyMoves(_ violation: Violation, stops: Bool = true) -> Found {
        var facts = self.facts()
        facts.add("line", text: "\(violation.step.map { "step \(Facts.name($0)): " } ?? "")\(violation.message)")
        let advice = violation.advice
        // A name in the advice may hold these words, too.
        let start = advice.hasPrefix("redis-cli") ? advice.startIndex : advice.firstRange(of: ": redis-cli")?.lowerBound
        let command = start.map { advice[$0...].drop { ": ".contains($0) } }
        facts.add("kind", words: violation.kind.rawValue)
        let effect = advice.prefix(upTo: command?.startIndex ?? advice.endIndex)
        facts.add("advice", text: effect.isEmpty ? "look at it" : String(effect.trimmingColon))
        facts.mark("blemish", if: !stops)
        var found = Found(.nobodyMoves, stops ? .stuck : .unknown, facts)
        found.isAside = !stops
        let does = advice.hasPrefix("look at") ? "shows what is stored" : "mends what the doctor found"
        if let command, String(command).printable == command {
            found.actions = [.init(command: String(command), effect: does)]
        }
        return found
    }

    /// A run of which nothing tells what it waits for, and the doctor neither: what was looked at was not enough.
    private mutating func judgeNothing(_ run: SeenRun) {
        if picture.isShallow {
            var facts = self.facts()
            facts.add("recorded", run.recorded)
            facts.add("worker", name: run.holder)
            return add(
                Found(
                    run.holder == nil ? .placeUnknown : .functionAtWork, run.holder == nil ? .unknown : .moving, facts))
        }
        add(unfound(.run, run))
    }

    /// Of a work item that was not found, and may be where nobody looked.
    func unfound(_ subject: Facts.Subject, _ run: SeenRun) -> Found {
        var facts = self.facts(subject)
        facts.add("most", PictureLimits.queue)
        facts.add("queue", name: run.queue)
        facts.add("looked", picture.fleet.workers.count)
        facts.add("workers", picture.fleet.count ?? 0)
        return Found(.placeUnknown, .unknown, facts)
    }
}

/// How far is looked.
package enum PictureLimits {
    /// How many of a queue's work items are looked through, those that are next.
    package static let queue = 10_000
    /// How many Redis commands one explanation may take, besides two for each child.
    package static let commands = 60
    /// How many children, and children of children, are looked at.
    package static let children = 20
    /// How many of a run's open steps are looked for in queues and claims.
    package static let steps = 4
}

extension Substring {
    /// Without a colon and spaces at its end.
    fileprivate var trimmingColon: Substring {
        var text = self
        while let last = text.last, last == " " || last == ":" { text.removeLast() }
        return text
    }
}

extension Violation.Kind {
    /// Whether a run with it may not go on.
    ///
    /// - Parameter joins: whether the run's function goes on only when none of its steps is open.
    package func stops(joins: Bool) -> Bool {
        switch self {
        case .stepWithoutMover, .stepNotInline, .heldStepOfMovingRun, .stepWithoutChild, .stepWithoutEvent,
            .unreadableOpenStep, .turnMissing, .nobodyMovesRun, .historyNotDelivered, .unknownStatus, .limitNotKept,
            .endingWithoutMover, .claimsWithoutWorker:
            true
        // Without a join counter nobody learns that the last step has ended.
        case .joinDiffers: joins
        default: false
        }
    }
}
