// Groups of runs, from a sample of each status.
extension FleetRows {
    /// What runs have in common that are one row.
    private struct Group: Hashable {
        var cause: Explanation.Cause
        var workflow: String
        /// The step, the event or the person.
        var about = ""
    }

    private func grouped(_ runs: [FleetFacts.Run], by group: (FleetFacts.Run) -> Group?) -> [(
        group: Group, runs: [FleetFacts.Run]
    )] {
        var groups: [Group: [FleetFacts.Run]] = [:]
        for run in runs { if let group = group(run) { groups[group, default: []].append(run) } }
        return groups.map { (group: $0.key, runs: $0.value) }.sorted { a, b in
            (b.runs.count, a.runs[0].since, a.runs[0].id) < (a.runs.count, b.runs[0].since, b.runs[0].id)
        }
    }

    /// Who a row is about: `3 runs of workflow ship`, or `3 of the 12 parked runs that were looked at, of workflow ship,`.
    private struct Subject {
        var text: String
        var isOne: Bool
        var isExact: Bool

        var be: String { isOne ? "is" : "are" }
        var have: String { isOne ? "has" : "have" }
        var wait: String { isOne ? "waits" : "wait" }
    }

    private func subject(_ runs: [FleetFacts.Run], of status: RunStatus, _ workflow: String?) -> Subject {
        let looked = sample(status).count
        let isExact = looked >= count(status)
        let place = workflow.map { "of workflow \(Facts.name($0))" }
        let number = runs.count.grouped
        let text =
            isExact
            ? "\(number) \(runs.count == 1 ? "run" : "runs")\(place.map { " " + $0 } ?? "")"
            : "\(number) of the \(looked.grouped) \(status.rawValue) runs that were looked at\(place.map { ", \($0)," } ?? "")"
        return Subject(text: text, isOne: runs.count == 1, isExact: isExact)
    }

    // MARK: Parked and paused

    private static func cause(ofParked run: FleetFacts.Run) -> Explanation.Cause {
        if run.isDiverged { return .divergence }
        let reason = run.reason ?? ""
        if reason.hasPrefix("changed code: ") || reason.contains("bring the fitting type back") { return .undecodable }
        return reason.hasPrefix("the function left its executor") ? .escaped : .parked
    }

    mutating func addParked() {
        stuckCount += count(.parked)
        let groups = grouped(sample(.parked)) { Group(cause: Self.cause(ofParked: $0), workflow: $0.workflow) }
        for (group, runs) in groups {
            let who = subject(runs, of: .parked, group.workflow)
            let reason = Facts.text(runs[0].reason ?? "no reason is stored")
            self.groups.append(
                Row(
                    group.cause, .stuck, count: runs.count, .runs, isExact: who.isExact, oldest: date(runs[0].since),
                    workflows: [group.workflow], runs: runs.map(\.id),
                    sentence: "\(who.text) \(who.be) parked: \(reason)",
                    next: next(ofParked: runs, group.cause)))
        }
    }

    private func next(ofParked runs: [FleetFacts.Run], _ cause: Explanation.Cause) -> [Action] {
        let more = runs.count > 1 ? "; the others: \(keys.command("runs --status parked"))" : ""
        let first: String? =
            switch cause {
            case .divergence: "deploy code that fits what is recorded, with a patch or in another version"
            case .undecodable: "deploy a type that reads what is stored"
            case .escaped: "make what it waited for a step, and deploy that"
            default: nil
            }
        let resume = action("resume", runs[0].id, effect: "lets the oldest go on\(more)")
        return first.map { [Action(command: nil, effect: $0), resume] } ?? [resume]
    }

    mutating func addPaused() {
        stuckCount += count(.paused)
        let byReason = grouped(sample(.paused)) { Group(cause: .paused, workflow: "", about: $0.reason ?? "") }
        for (group, runs) in byReason {
            let who = subject(runs, of: .paused, nil)
            let more = runs.count > 1 ? "; the others: \(keys.command("runs --status paused"))" : ""
            let stored = "paused: "
            let reason = group.about.hasPrefix(stored) ? String(group.about.dropFirst(stored.count)) : group.about
            groups.append(
                Row(
                    .paused, .stuck, count: runs.count, .runs, isExact: who.isExact, oldest: date(runs[0].since),
                    workflows: Set(runs.map(\.workflow)).sorted(), runs: runs.map(\.id),
                    sentence: "\(who.text) \(who.be) paused: \(Facts.text(reason))",
                    next: [action("resume", runs[0].id, effect: "lets the oldest go on\(more)")]))
        }
    }

    // MARK: Running

    mutating func addRunning() {
        let runs = sample(.running)
        if runs.count < count(.running) { isExact = false }
        for (group, some) in grouped(runs, by: Self.group(ofRunning:)) {
            let isStuck = group.cause == .waitsForEvent || group.cause == .waitsForCallback
            if isStuck { stuckRuns.formUnion(some.map(\.id)) }
            told.formUnion(some.map(\.id))
            let who = subject(some, of: .running, group.workflow)
            groups.append(
                Row(
                    group.cause, isStuck ? .stuck : group.cause == .lastDelivery ? .unknown : .waiting,
                    count: some.count, .runs, isExact: who.isExact, oldest: date(some[0].since),
                    workflows: [group.workflow], runs: some.map(\.id), sentence: words(group, some[0], who),
                    next: [
                        action("explain", some[0].id, effect: "tells what the oldest waits for, and what to do")
                    ]))
        }
    }

    /// What is worth telling of a running run; `nil` for one that just runs, or waits for a time or another run.
    private static func group(ofRunning run: FleetFacts.Run) -> Group? {
        let steps = run.open.sorted { $0.key < $1.key }
        if let (step, _) = steps.first(where: { $0.value.lost > 0 }) {
            return Group(cause: .lastDelivery, workflow: run.workflow, about: step)
        }
        // Another step, or a time, moves it before.
        let isForEver =
            run.deadline == nil && !steps.isEmpty
            && steps.allSatisfy { step in
                step.value.event != nil && ["total", "claim", "wake"].allSatisfy { step.value.limits[$0] == nil }
            }
        if isForEver, let event = steps.first?.value.event?.name {
            if event.hasPrefix("callback:") {
                return Group(cause: .waitsForCallback, workflow: run.workflow, about: steps[0].key)
            }
            return Group(cause: .waitsForEvent, workflow: run.workflow, about: event)
        }
        if let (step, _) = steps.first(where: { !$0.value.failedLines.isEmpty }) {
            return Group(cause: .backingOff, workflow: run.workflow, about: step)
        }
        return nil
    }

    private func words(_ group: Group, _ run: FleetFacts.Run, _ who: Subject) -> String {
        let about = Facts.name(group.about)
        switch group.cause {
        case .waitsForEvent: return "\(who.text) \(who.wait) for event \(about), without a limit"
        case .waitsForCallback:
            return "\(who.text) \(who.wait) at step \(about) for the answer to a callback, without a limit"
        case .lastDelivery:
            let lost = run.open[group.about]?.lost ?? 0
            return "\(who.text) \(who.have) a step \(about) that has cost workers their lives, in the oldest \(lost)"
        default:
            let tried = "\(who.text) \(who.have) a step \(about) that failed and is tried again"
            guard let last = run.open[group.about]?.failed.last else { return tried }
            return "\(tried); the last error: " + Facts.text("\(last.type): \(last.message)")
        }
    }
}
