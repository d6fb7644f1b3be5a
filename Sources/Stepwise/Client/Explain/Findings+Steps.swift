#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Steps that are executed, or tried again, and what they have cost.
extension Findings {
    mutating func judgeSteps(_ run: SeenRun) {
        let order = picture.open.sorted { one, other in
            // What has failed first; then by their names.
            let (a, b) = (picture.retries[one.key] != nil, picture.retries[other.key] != nil)
            return a == b ? one.key < other.key : a
        }
        for (step, text) in order.prefix(Self.mostSteps) {
            guard let open = OpenStep(text) else { continue }
            add(judge(step, open, text, run))
            add(lastDelivery(step, open, run))
        }
        if !run.inline.isEmpty, picture.open[run.inline] == nil, run.holder != nil {
            add(judge(run.inline, .unwritten, "", run))
        }
    }

    private func judge(_ step: String, _ open: OpenStep, _ text: String, _ run: SeenRun) -> Found? {
        switch open.place {
        case "item":
            if let due = picture.retries[step] { return retried(step, open, text, due) }
            guard let item = picture.items.first(where: { $0.step == step }) else {
                return picture.isShallow ? shallow(step, open, text, run) : nil
            }
            return judge(item, .step(step), run)
        case "inline": return inline(step, open, text, run)
        case "timer": return sleeping(step, open)
        case "event": return waiting(step, open)
        default: return nil
        }
    }

    /// Of a child only its own keys were read.
    private func shallow(_ step: String, _ open: OpenStep, _ text: String, _ run: SeenRun) -> Found {
        open.attempt > 1 && !open.failedLines.isEmpty
            ? retried(step, open, text, nil) : queued(.step(step), run, nil)
    }

    private func retried(_ step: String, _ open: OpenStep, _ text: String, _ due: Int?) -> Found {
        if let due, let late = late(due, .step(step)) { return late }
        var facts = self.facts(.step(step))
        facts.add("failed", max(1, open.attempt.bounded - 1))
        facts.add("of", Self.number("of", in: text))
        facts.add("until", time: due, in: "in", now: now)
        if let last = open.failed.last {
            facts.add("error", text: "\(last.type): \(last.message)")
            facts.add("worker", name: last.worker)
            facts.add("at", time: last.at.wholeMilliseconds, ago: "lastAgo", now: now)
            facts.add("took", length: last.took.wholeMilliseconds)
        }
        return Found(.backingOff, .waiting, facts, since: open.since, until: due)
    }

    /// A number that an open step's first line has behind its place, such as ` of=4`.
    static func number(_ name: String, in text: String) -> Int? {
        let line = text.prefix { $0 != "\n" }
        let word = line.split(separator: " ").dropFirst(4).first { $0.hasPrefix("\(name)=") }
        return word.flatMap { Int($0.dropFirst(name.utf8.count + 1)) }
    }

    // MARK: Bodies

    private func inline(_ step: String, _ open: OpenStep, _ text: String, _ run: SeenRun) -> Found? {
        // A worker that is in trouble was told of with the turn.
        guard let worker = run.holder, troubled(worker, .turn, run) == nil else { return nil }
        if let body = running(step, on: worker) { return body }
        var facts = self.facts(.step(step))
        facts.add("worker", name: worker)
        facts.add("attempt", open.attempt)
        facts.add("of", Self.number("of", in: text))
        return Found(.bodyRunning, .moving, facts)
    }

    /// A step whose body a worker is known to execute.
    func running(_ step: String, on name: String) -> Found? {
        let text = picture.open[step] ?? OpenStep.unwrittenText
        guard let open = OpenStep(text) else { return nil }
        let body = picture.fleet.worker(name)?.bodies?.first { $0.run == picture.id && $0.step == step }
        guard body != nil || open.kind.hasPrefix("begun:\(name)/") else { return nil }
        var facts = self.facts(.step(step))
        facts.add("worker", name: name)
        if let since = body?.since { facts.add("for", length: max(0, now - since)) }
        facts.add("attempt", open.attempt)
        facts.add("of", Self.number("of", in: text))
        facts.add("limit", length: body?.limit)
        return Found(.bodyRunning, .moving, facts, since: body?.since)
    }

    // MARK: Losses

    /// The setting of the worker that holds it, or of one that may take it.
    private func maximumWorkerLosses(_ worker: String?, _ run: SeenRun) -> Int? {
        let workers = picture.fleet.workers
        let holder = workers.first { $0.name == worker }
        return (holder ?? workers.first { !$0.isSilent && $0.queues.contains(run.queue) })?.maximumWorkerLosses
    }

    private func lastDelivery(_ step: String, _ open: OpenStep, _ run: SeenRun) -> Found? {
        var worker: String?
        if case .claimed(let name)? = picture.items.first(where: { $0.step == step })?.place { worker = name }
        if run.inline == step { worker = run.holder }
        guard open.lost > 0, let most = maximumWorkerLosses(worker, run), open.lost >= most - 1 else { return nil }
        var facts = self.facts(.step(step))
        facts.add("lost", open.lost)
        facts.add("limit", most)
        facts.add("worker", name: worker)
        return Found(.lastDelivery, .waiting, facts)
    }

    mutating func judgeLosses(_ run: SeenRun) {
        guard run.lostTurns > 0 else { return }
        var facts = self.facts(.turn)
        facts.add("lost", run.lostTurns)
        facts.add("recorded", run.recorded)
        facts.add("limit", maximumWorkerLosses(run.holder, run))
        add(Found(.turnLost, .waiting, facts))
    }
}
