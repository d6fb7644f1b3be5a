#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension StepwiseClient {
    /// Makes the next attempt of a step that has failed at once, in place of after the delay that its ``Retry`` or ``RetryAfter`` has set.
    ///
    /// It is the attempt that the policy allows: how many there are, and the step's time limits, stay as they are. The step goes to the right end of
    /// its queue, so it is the next one that a free worker claims. Sent again it changes nothing.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - step: the step's id, as `stepwise status` shows it: its name, or `name#2` for the second use of a name.
    /// - Returns: the number of the attempt.
    /// - Throws: ``StepwiseError``: `noSuchRun`; `wrongStatus` if the run has not begun, is paused or parked, is ending or has ended, or if the step
    ///   does not wait for its next attempt (the message says what it does, and what helps there); or one of the `redis…` codes.
    @discardableResult
    public func retry(_ id: String, step: String) async throws -> Int {
        guard let run = try await record(ofRun: id) else { throw noSuchRun(id) }
        var isSentAgain = false
        let (reply, isSecond) = try await repeating {
            defer { isSentAgain = true }
            let what = "retrying a step of run \(id)"
            let reply = try await evaluate(.retryNow(keys, id, queue: run.details.queue, step: step), doing: what)
            return (reply, isSentAgain)
        }
        switch reply {
        case .queued(let attempt): return attempt
        // The first sending, of which nobody has heard, has done it.
        case .ready(let attempt, _) where isSecond: return attempt
        case .ready(let attempt, let generation):
            let item = WorkItem.stepText(run: id, generation: generation, attempt: attempt, step: step)
            throw refusal(id, step, await whereabouts(of: item, attempt, run.details))
        case .elsewhere(let open, let turn): throw refusal(id, step, words(open, turn, ofRun: id))
        case .closed: throw refusal(id, step, await wordsIfClosed(ofRun: id))
        case .unbegun(let time): throw StepwiseError(.wrongStatus, wordsIfUnbegun(id, time))
        case .held(let status): throw StepwiseError(.wrongStatus, wordsIfHeld(id, status))
        case .over(let status): throw StepwiseError(.wrongStatus, wordsIfOver(id, status))
        case .missing: throw noSuchRun(id)
        }
    }

    private func refusal(_ id: String, _ step: String, _ words: String) -> StepwiseError {
        StepwiseError(.wrongStatus, "step \"\(step.prefix(bytes: 250))\" of run \(id) \(words)")
    }

    // MARK: Why the run has no step to retry

    private func wordsIfOver(_ id: String, _ status: RunStatus) -> String {
        if status == .ending {
            return "run \(id) is ending: its open steps are being withdrawn, and none is tried again "
                + "(\(keys.command("status \(id.shellWord)")))"
        }
        let ended = "run \(id) has ended, \(status), and no step of it waits for another attempt"
        return status == .failed
            ? ended + "; to try again what failed: \(keys.command("resume \(id.shellWord)"))" : ended
    }

    private func wordsIfHeld(_ id: String, _ status: RunStatus) -> String {
        let resume = keys.command("resume \(id.shellWord)")
        if status == .paused { return "run \(id) is paused, and no step of it begins: resume it first, with \(resume)" }
        return
            "run \(id) is parked, and no step of it begins: \(keys.command("status \(id.shellWord)")) says what for; once that is mended: "
            + resume
    }

    private func wordsIfUnbegun(_ id: String, _ time: Int?) -> String {
        guard let time else {
            return
                "run \(id) has not begun, so no step of it can have failed: \(keys.command("status \(id.shellWord)")) says what it waits for"
        }
        return
            "run \(id) has not begun: it starts at \(Self.words(time)), and no command lets it start earlier; cancel it "
            + "(\(keys.command("cancel \(id.shellWord)"))) and enqueue its work again without that time"
    }

    // MARK: What the step does instead

    private func wordsIfClosed(ofRun id: String) async -> String {
        // Whoever may not read them is told the rest.
        let open = (try? await openSteps(ofRun: id)) ?? []
        let failed = open.filter { $0.state.attempt > 1 && $0.state.place == "item" }.map { $0.step.shellWord }
        let others =
            failed.isEmpty ? "" : "; these have failed and are open: " + failed.prefix(5).joined(separator: ", ")
        return
            "is not open: it has its outcome (\(keys.command("history \(id.shellWord)"))), or the function has not come to it"
            + others
    }

    private func words(_ open: OpenStep, _ turn: String, ofRun id: String) -> String {
        let wait = open.limits["wake"].map { ", until \(Self.words($0))" } ?? ""
        let cancel = keys.command("cancel \(id.shellWord)")
        switch open.place {
        case "inline":
            let holder = turn.words(atMost: 3)
            let place = holder.count == 3 ? "on worker \(holder[0])" : "with its run's turn"
            return "is at work, \(place): this is attempt \(open.attempt)"
        case "timer":
            return "sleeps\(wait), and no command ends a sleep: wait for it, or end the run with \(cancel)"
        case "event" where open.event?.name.hasPrefix("callback:") == true:
            return
                "waits for its callback\(wait): who has its token answers, with \(keys.command("callback complete")) and the token"
        case "event":
            let notify = keys.command("notify \((open.event?.name ?? "").shellWord) --run \(id.shellWord)")
            return "waits for event \"\(open.event?.name ?? "")\"\(wait): send it, with \(notify)"
        case "child":
            let status = keys.command("status \((open.child ?? "").shellWord)")
            return "waits for the end of run \(open.child ?? ""): look at that one, with \(status)"
        default:
            return
                "does not wait for another attempt, its mover is said to be \"\(open.place)\": look with \(keys.command("doctor"))"
        }
    }

    /// Where a work item lies that is in no list of times.
    private func whereabouts(of item: String, _ attempt: Int, _ run: RunDetails) async -> String {
        let what = "reading the queues"
        let isQueued = try? await command(.isAmongOldest(item, of: keys.queue(run.queue)), doing: what)
        if isQueued == true {
            return
                "waits for no time: its attempt \(attempt) is in queue \(run.queue), for the next worker that is free"
        }
        let list = UnservedList(queue: run.queue, workflow: run.workflow)
        let isUnserved = try? await command(.isUnserved(keys, list, item), doing: what)
        if isUnserved == true {
            return
                "waits for no time, but for a worker that can do it: \(keys.command("status \(run.id.shellWord)")) says more"
        }
        if let worker = await claimant(of: item, in: run.queue) {
            return "is at work, or about to be: worker \(worker) has claimed its attempt \(attempt)"
        }
        return "waits for no time: its attempt \(attempt) is in queue \(run.queue), or a worker has claimed it"
    }

    /// The worker that has claimed a work item; `nil` also for who may not read that.
    private func claimant(of item: String, in queue: String) async -> String? {
        let workers = ((try? await workers()) ?? []).filter { $0.queues.contains(queue) }
        for some in workers.pages() {
            let asked = some.map { StoreCommand<Bool>.isClaimed(Array(item.utf8), in: keys.claimed($0.name, queue)) }
            guard let claimed = try? await all(asked, doing: "reading the claims") else { return nil }
            for (worker, isIt) in zip(some, claimed) where isIt { return worker.name }
        }
        return nil
    }

    private static func words(_ milliseconds: Int) -> String {
        let text = DateText.text(of: Date(milliseconds: milliseconds))
        return text.map { $0.prefix(bytes: 19) + "Z" } ?? "a time that cannot be written"
    }
}

extension WorkflowRun {
    /// Makes the next attempt of a step that has failed at once: see ``StepwiseClient/retry(_:step:)``.
    @discardableResult
    public func retry(step: String) async throws -> Int { try await source.retry(id, step: step) }
}
