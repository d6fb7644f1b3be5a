/// Runs that are not there, that have ended, or that wait for a person.
extension Findings {
    mutating func judgeMissing() {
        let missing = picture.missing ?? SeenMissing()
        if let pushed = missing.pushed { add(notTakenUp(pushed)) }
        if let worker = missing.acceptedBy {
            if missing.pushed == nil { add(accepted(worker, missing.acceptedFrom ?? "default")) }
        }
        if let rejected = missing.rejected {
            var facts = self.facts()
            facts.add("run", name: picture.id)
            facts.add("queue", name: rejected.queue)
            facts.add("at", time: rejected.at, ago: "ago", now: now)
            facts.add("reason", text: rejected.reason)
            add(Found(.rejected, .stuck, facts, since: rejected.at))
        }
        if let events = missing.events {
            var facts = self.facts()
            facts.add("run", name: picture.id)
            facts.add("events", events)
            facts.add("at", time: missing.lastEvent, ago: "ago", now: now)
            add(Found(.expected, .unknown, facts))
        }
        if !all.isEmpty { return judgeServer() }
        var facts = self.facts()
        facts.add("run", name: picture.id)
        facts.add("namespace", name: keys.namespace)
        if picture.missing == nil { facts.add("unseen", words: "what was pushed or sent to it") }
        if !missing.elsewhere.isEmpty {
            facts.add("elsewhere", words: missing.elsewhere.prefix(3).map { Facts.name($0) }.joined(separator: ", "))
        }
        if !missing.unseen.isEmpty { facts.add("unseen", words: missing.unseen.joined(separator: ", ")) }
        add(Found(.noSuchRun, .unknown, facts))
        judgeServer(isAside: true)
    }

    /// Of a pushed item that a worker has claimed.
    private func accepted(_ name: String, _ queue: String) -> Found {
        let fleet = picture.fleet
        let holder = fleet.worker(name)
        let isGone = holder?.isSilent ?? true
        let others = fleet.workers.contains { $0.name != name && !$0.isSilent && $0.queues.contains(queue) }
        var facts = self.facts()
        facts.hide("queue", queue)
        facts.add("run", name: picture.id)
        facts.add("worker", name: name)
        facts.add("queue", name: queue)
        facts.mark("gone", if: isGone)
        facts.mark("served", if: !isGone || others)
        if !isGone || others { return Found(.notTakenUp, .waiting, facts) }
        facts.mark("unserved", if: fleet.isComplete)
        return Found(.notTakenUp, fleet.isComplete && holder?.isOverdue ?? true ? .stuck : .unknown, facts)
    }

    private func notTakenUp(_ pushed: SeenMissing.Pushed) -> Found {
        let serving = picture.fleet.workers.filter { !$0.isSilent && $0.queues.contains(pushed.queue) }
        let isServed = !serving.isEmpty
        var facts = self.facts()
        facts.hide("queue", pushed.queue)
        facts.add("run", name: picture.id)
        facts.add("workflow", name: pushed.workflow)
        facts.add("place", words: Facts.place(pushed.place))
        facts.add("length", pushed.length)
        facts.add("queue", name: pushed.queue)
        if pushed.isMisplaced {
            facts.mark("misplaced")
            return Found(.notTakenUp, .stuck, facts)
        }
        let isKnown = isServed || picture.fleet.isComplete
        facts.mark(isServed ? "served" : "unserved", if: isKnown)
        let mayComeBack = picture.fleet.workers.contains { !$0.isOverdue && $0.queues.contains(pushed.queue) }
        return Found(.notTakenUp, isServed ? .waiting : isKnown && !mayComeBack ? .stuck : .unknown, facts)
    }

    // MARK: Ended

    mutating func judgeEnded(_ run: SeenRun) {
        var facts = self.facts()
        facts.add("at", time: run.ended, ago: "ago", now: now)
        switch run.status {
        case .completed:
            if let began = run.began, let ended = run.ended { facts.add("took", length: max(0, ended - began)) }
            facts.add("recorded", run.recorded)
            add(Found(.completed, .ended, facts, since: run.ended))
        case .cancelled:
            let message = run.error.flatMap { JSONMembers(Array($0.utf8))?.string("message") }
            facts.add("reason", text: run.cancelled ?? message)
            add(Found(.cancelled, .ended, facts, since: run.ended))
        default: judgeFailed(run, facts)
        }
    }

    private mutating func judgeFailed(_ run: SeenRun, _ known: Facts) {
        var facts = known
        let failure = RunFailure(stored: run.error)
        facts.add("step", name: failure.step)
        // Of what an engine's own error says of a step no attempts are stored.
        facts.add("attempts", failure.step == nil ? nil : failure.attempts ?? 1)
        facts.add("error", text: Self.words(failure))
        facts.add("worker", name: failure.worker)
        if let prospect = picture.prospect, run.restarted == nil {
            facts.add("keep", prospect.keep)
            if prospect.obstacle == nil {
                facts.add("again", words: prospect.again.map { "step \(Facts.name($0))" } ?? "its function")
            }
            facts.add("obstacle", text: prospect.obstacle)
        }
        facts.add("restarted", name: run.restarted)
        facts.add("restartedStatus", words: picture.restartedStatus.map { Facts.name($0.rawValue) })
        facts.mark("resumable", if: run.restarted == nil && picture.prospect?.obstacle == nil)
        facts.mark("restartable", if: run.restarted == nil)
        let cause: Explanation.Cause =
            switch failure.type {
            case "RunTimeout": .timeUp
            case "WorkersLost": .workersLost
            case "StepwiseError" where failure.message.contains("maximumSteps"): .tooMany
            case _ where failure.message.contains("workers were lost while they executed"): .workersLost
            default: .failed
            }
        add(Found(cause, .ended, facts, since: run.ended))
    }

    /// The error in words. A step's failure repeats what stands before it.
    private static func words(_ failure: RunFailure) -> String {
        let words = " with "
        guard let step = failure.step, failure.message.hasPrefix("step \"\(step)\" failed after "),
            let end = failure.message.firstRange(of: words)?.upperBound
        else { return "\(failure.type): \(failure.message)" }
        return String(failure.message[end...])
    }

    // MARK: Held

    mutating func judgeParked(_ run: SeenRun) {
        var facts = self.facts()
        facts.add("since", time: run.since, ago: "for", now: now)
        facts.add("reason", text: run.reason ?? "it has no reason")
        let reason = run.reason ?? ""
        var cause = Explanation.Cause.parked
        // A worker that has another version tries it by itself.
        var isTakenUp = false
        if let divergence = run.divergence {
            cause = .divergence
            facts.add("divergence", text: divergence.description)
            let versions = run.incompatibleVersions
            if !versions.isEmpty {
                facts.add(
                    "versions", words: "version\(versions.count == 1 ? "" : "s") \(Facts.names(versions, most: 5))")
            }
            isTakenUp =
                !versions.isEmpty && hasOtherVersion(run) && picture.queuePause == nil && picture.workflowPause == nil
            facts.mark("noOther", if: picture.fleet.isComplete && !hasOtherVersion(run))
        } else if reason.hasPrefix("changed code: ") || reason.contains("does not decode") {
            cause = .undecodable
        } else if reason.contains("left its executor") {
            cause = .escaped
        }
        add(Found(cause, isTakenUp ? .waiting : .stuck, facts, since: run.since))
    }

    /// Whether a worker that is alive has a version of the run's workflow that is not known to be unable to replay it.
    private func hasOtherVersion(_ run: SeenRun) -> Bool {
        picture.fleet.workers.contains { worker in
            worker.hindrance(queue: run.queue, workflow: run.workflow, unfit: run.incompatibleVersions) == nil
                && worker.versions[run.workflow] != nil
        }
    }

    mutating func judgePaused(_ run: SeenRun) {
        var facts = self.facts()
        facts.add("since", time: run.since, ago: "for", now: now)
        facts.add("reason", text: run.reason.map { $0.hasPrefix("paused: ") ? String($0.dropFirst(8)) : $0 })
        let bodies = picture.open.values.count { OpenStep($0).map { $0.place == "inline" } ?? false }
        let running =
            bodies + picture.items.count { if case .claimed = $0.place, $0.step != nil { true } else { false } }
        if running > 0 { facts.add("bodies", running) }
        add(Found(.paused, .stuck, facts, since: run.since))
    }

    mutating func judgeEnding(_ run: SeenRun) {
        var facts = self.facts()
        facts.add("as", words: run.ending == "continued" ? "it begins anew" : Facts.name(run.ending ?? "unknown"))
        facts.add("left", picture.openCount)
        let item = picture.items.first { $0.kind == .end }
        add(Found(.ending, item != nil && item?.place == nil ? .waiting : .moving, facts, since: run.since))
        // What withdraws them is a work item: a paused queue keeps it.
        judgeQueuePause(run)
        if let item {
            if case .claimed(let worker)? = item.place { return add(troubled(worker, .run, run)) }
            judgeService(run)
        }
    }
}

extension SeenItem {
    /// The step whose body it asks for.
    var step: String? { if case .step(let step) = kind { step } else { nil } }
}
