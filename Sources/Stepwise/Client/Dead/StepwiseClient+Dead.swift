#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif
internal import StepwiseRedis

/// Failed runs: looking at them, and what a person can decide about them.
extension StepwiseClient {
    /// The failed runs that nobody has dealt with, those that failed last first.
    ///
    /// Where labels are asked for, one of which has an index (``addIndex(label:progress:)``) with fewer runs than have failed, it looks through
    /// that, and those come first that were created last; and a page ends after 10,000 runs that were looked at, whatever it has found.
    ///
    /// - Parameters:
    ///   - filter: which of them.
    ///   - after: the `next` of the page before.
    ///   - limit: the most to return.
    /// - Throws: ``StepwiseError``: `noSuchRun` if the run `after` is no longer among them, or the index is removed, or one of the `redis…` codes.
    public func deadRuns(
        _ filter: DeadRunFilter = .init(), after: String? = nil, limit: Int = 50
    ) async throws -> DeadRunPage {
        if filter.labels.isEmpty { return try await listedDeadRuns(filter, after: after, limit: limit).page }
        let total = try await command(.count(keys.dead), doing: "counting the failed runs")
        let place = after.flatMap { RunPlace($0) }.flatMap { $0.order == .creation ? $0 : nil }
        let indexed = try await searchableLabels(of: filter.labels)
        let order = after.map { _ in place?.order ?? .status }
        if let index = try await index(for: filter.labels, among: indexed, orElse: total, after: order) {
            return try await deadRuns(filter, index, after: place, limit: limit)
        }
        let found = try await listedDeadRuns(
            filter, after: after, limit: limit, mostLooked: SearchScope.mostLooked)
        var page = found.page
        page.scope = SearchScope(looked: found.looked, total: total, unindexed: indexed.missing)
        return page
    }

    /// The same by the index of a label.
    private func deadRuns(
        _ filter: DeadRunFilter, _ index: SearchedIndex, after: RunPlace?, limit: Int
    ) async throws -> DeadRunPage {
        let (found, next, looked) = try await walk(index, after: after, limit: limit) { entries -> [DeadRun?] in
            let failed = try await all(
                entries.map { StoreCommand<Int?>.deadSince(keys, of: $0.run) }, doing: "reading failed runs")
            let dead: [IndexEntry] = zip(entries, failed).compactMap { entry, at in at.map { (id: entry.run, at: $0) } }
            let byID = Dictionary(try await deadRuns(dead).map { ($0.id, $0) }) { $1 }
            return entries.map { entry in
                byID[entry.run].flatMap { run in
                    let isItsOwn = (run.created?.wholeMilliseconds ?? 0) == entry.created
                    return isItsOwn && filter.matches(run) ? run : nil
                }
            }
        }
        return DeadRunPage(
            runs: found, next: next?.description,
            scope: SearchScope(looked: looked, total: index.count, index: index.label, unindexed: []))
    }

    /// - Parameter mostLooked: after so many runs it ends the page, whatever it has found.
    private func listedDeadRuns(
        _ filter: DeadRunFilter, after: String?, limit: Int, mostLooked: Int = .max
    ) async throws -> (page: DeadRunPage, looked: Int) {
        var rank = 0
        if let after {
            guard let place = try await command(.deadPlace(keys, of: after), doing: "listing failed runs") else {
                throw StepwiseError(
                    .noSuchRun,
                    "run \(after) is not, or no longer, among the failed runs that nobody has dealt with: begin the list anew, or ask for those that "
                        + "failed until a time (--until, or `until` of DeadRunFilter in Swift)"
                )
            }
            rank = place + 1
        } else if let until = filter.until {
            rank = try await command(
                .deadCount(keys, after: until.wholeMilliseconds), doing: "listing failed runs")
        }
        var found: [DeadRun] = []
        var looked = 0
        while true {
            let size = min(max(limit, 50), 500)
            let entries = try await command(
                .deadRuns(keys, from: rank, count: size), doing: "listing failed runs")
            for run in try await deadRuns(entries) {
                if let since = filter.since, run.failed < since {
                    return (DeadRunPage(runs: found, next: nil), looked)
                }
                looked += 1
                guard filter.matches(run) else { continue }
                if found.count == limit { return (DeadRunPage(runs: found, next: found.last?.id), looked - 1) }
                found.append(run)
            }
            if entries.count < size { return (DeadRunPage(runs: found, next: nil), looked) }
            rank += entries.count
            if looked >= mostLooked { return (DeadRunPage(runs: found, next: entries.last?.id), looked) }
        }
    }

    private func deadRuns(_ entries: [IndexEntry]) async throws -> [DeadRun] {
        let runs = try await all(
            entries.map {
                .run(keys, $0.id, .workflow, .queue, .labels, .recorded, .created, .error, .restarted)
            }, doing: "reading failed runs")
        return zip(entries, runs).compactMap { entry, run in
            guard let workflow = run.text(.workflow) else { return nil }
            return DeadRun(
                id: entry.id, workflow: workflow, queue: run.text(.queue) ?? "",
                labels: RunLabels(stored: run.text(.labels)).values,
                recorded: run.integer(.recorded) ?? 0, created: run.date(.created),
                failed: Date(milliseconds: entry.at), error: RunFailure(stored: run.text(.error)),
                restarted: run.text(.restarted))
        }
    }

    /// Lets a failed run go on, under the same id, with every recorded value. Without a step it tries again what failed; with one it forgets
    /// that step and everything recorded after it.
    func revive(_ id: String, from step: String?) async throws {
        let generation = try await command(.run(keys, id, .generation), doing: "reading run \(id)").text(.generation)
        guard let details = try await details(ofRun: id) else { throw noSuchRun(id) }
        let revival = try await revival(of: details, from: step)
        while try await forgetPage(ofRun: details, generation: generation ?? "", revival) {}
    }

    /// One page of a resume.
    ///
    /// - Returns: whether there is another; if not, the run goes on.
    package func forgetPage(ofRun run: RunDetails, generation: String, _ revival: Revival) async throws -> Bool {
        let id = run.id
        let reader = try await evaluate(
            .revive(
                keys, id, queue: run.queue, generation: generation, keep: revival.keep,
                raisesGeneration: revival.raisesGeneration, forgetsCancel: revival.forgetsCancel),
            doing: "resuming run \(id)")
        switch reader.word {
        case "revived": return false
        case "more": return true
        case "missing": throw noSuchRun(id)
        case "changed":
            let status = try reader.text(1)
            if status == RunStatus.ending.rawValue { throw stillEnding(id, "be resumed") }
            throw StepwiseError(
                .wrongStatus,
                "run \(id) is \(status): it was changed while it was to be resumed; look at it again")
        case "restarted":
            throw StepwiseError(
                .wrongStatus,
                "run \(id) was restarted: run \(try reader.text(1)) does its work. Look at that one, or delete this one"
            )
        default: throw reader.unexpected
        }
    }

    /// What stands against resuming a failed run, as a sentence; `nil` for nothing. Changes nothing.
    package func prospectOfResuming(_ id: String, from step: String? = nil) async throws -> String? {
        guard let details = try await details(ofRun: id) else { throw noSuchRun(id) }
        if details.status == .ending { return stillEnding(id, "be resumed").message }
        if details.status != .failed { return "run \(id) is not failed, it is \(details.status)" }
        if let restarted = details.restarted { return "run \(id) was restarted: run \(restarted) does its work" }
        do { _ = try await revival(of: details, from: step) } catch let error as StepwiseError
            where error.code == .wrongStatus
        {
            return error.message
        }
        return nil
    }

    private func revival(of run: RunDetails, from step: String?) async throws -> Revival {
        let history = try await outline(ofRun: run.id)
        if let step { return try Revival(resuming: run.id, from: step, history) }
        let failure = RunFailure(stored: run.error)
        let ended = JSONMembers(Array((run.error ?? "").utf8))?.integer("after")
        return try Revival(
            resuming: run.id, failed: failure.step, isTimeUp: failure.type == "RunTimeout", ended: ended, history)
    }

    /// What is recorded of a run, without the values, read in pages.
    private func outline(ofRun id: String) async throws -> [Revival.Line] {
        var lines: [Revival.Line] = []
        while true {
            let page = try await evaluate(
                .history(keys, id, from: lines.count), doing: "reading the history of run \(id)")
            if page.isEmpty { return lines }
            lines += page.map { Revival.Line(record: $0) }
        }
    }

    /// Begins a failed run's work anew, as a new run with the same workflow, queue, input and labels. The failed one stays, with the new
    /// one's id in `restarted`, until retention removes it; the new one has the failed one's in `origin`.
    ///
    /// - Parameters:
    ///   - id: the failed run.
    ///   - newID: the new run's id; `nil` for a new one. A run is restarted once: a second call returns the same new run, and may be made
    ///     after any error.
    /// - Returns: the new run; `isNew` says whether this call started it.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if it is not failed, `invalidIdentifier` if the id is none or another run has it, or
    ///   one of the `redis…` codes.
    @discardableResult
    public func restart(_ id: String, as newID: String? = nil) async throws -> WorkflowRun<Void> {
        if let newID {
            try Identifier.check(runID: newID)
            // Once noted it stays: then neither this run could be resumed nor a new one begun for it.
            let taken = try await command(.run(keys, newID, .workflow, .origin), doing: "reading run \(newID)")
            if let workflow = taken.text(.workflow), taken.text(.origin) != id {
                throw StepwiseError(
                    .invalidIdentifier,
                    "run id \(newID) belongs to a run of workflow \"\(workflow)\" that is not a restart of run \(id); choose another id"
                )
            }
        }
        try await prepare(writes: true)
        if let newID { return try await restart(id, noting: newID).run }
        let madeUp = Identifier.random(milliseconds: wallClockMilliseconds())
        let (run, isNoted) = try await repeating { try await restart(id, noting: madeUp) }
        // Nobody else has this id: it is there already only because an earlier sending has arrived.
        return WorkflowRun(id: run.id, isNew: run.isNew || isNoted, source: self)
    }

    /// - Returns: whether the run got the id that was to be noted, beside the run.
    private func restart(
        _ id: String, noting newID: String
    ) async throws -> (run: WorkflowRun<Void>, isNoted: Bool) {
        let reader = try await evaluate(.restart(keys, id, as: newID), doing: "restarting run \(id)")
        switch reader.word {
        case "restarted": break
        case "missing": throw noSuchRun(id)
        case "not failed":
            let status = try reader.text(1)
            if status == RunStatus.ending.rawValue { throw stillEnding(id, "be restarted") }
            throw StepwiseError(
                .wrongStatus, "run \(id) is not failed, it is \(status): only failed runs can be restarted")
        default: throw reader.unexpected
        }
        guard reader.items.count == 6, let payload = reader.items[4].bytes else { throw reader.unexpected }
        var options = EnqueueOptions()
        options.queue = try reader.text(3)
        options.labels = RunLabels(stored: reader.items[5].string)
        options.origin = id
        let run: WorkflowRun<Void> = try await enqueue(
            try reader.text(2), payload: payload, id: try reader.text(1), options)
        // It is dealt with. Should this not arrive, the next call does it.
        try await command(.removeDead(keys, id), doing: "restarting run \(id)")
        return (run, run.id == newID)
    }

    /// Removes an ended run and everything recorded of it.
    ///
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if it has not ended, if its parent has still to read its end, or if it has completed
    ///   and its failed parent, once resumed, would ask for it again and so begin it anew, or one of the `redis…` codes.
    public func delete(_ id: String) async throws {
        // What changes it meanwhile is seen at the next look.
        for _ in 0..<5 {
            guard let details = try await details(ofRun: id) else { throw noSuchRun(id) }
            if details.status == .ending { throw stillEnding(id, "be deleted") }
            guard details.status.isEnded else {
                throw StepwiseError(
                    .wrongStatus,
                    "run \(id) is \(details.status): only runs that have ended can be deleted; cancel it first")
            }
            let fields = try await command(.run(keys, id, .parent, .parentQueue), doing: "reading run \(id)")
            let parent = fields.waitingParent
            if let parent { try await check(details, isNotNeededBy: parent) }
            let indexed = details.labels.isEmpty ? [] : try await indexedLabels()
            let deletion = try await evaluate(
                .deleteRuns(keys, details.status, [(id: id, parent: parent)], indexed: indexed),
                doing: "deleting run \(id)")
            if deletion.removed == 1 { return }
        }
        throw StepwiseError(
            .wrongStatus, "run \(id) was changed again and again while it was to be deleted; look at it again")
    }

    private func check(_ child: RunDetails, isNotNeededBy parent: String) async throws {
        let children = EndedChildren([(id: child.id, parent: parent)])
        let what = "reading the parent of run \(child.id)"
        let runs = try await all(children.runs(keys), doing: what)
        let needs = children.needs(runs, try await all(children.steps(keys), doing: what))
        guard let need = needs[child.id], let step = ParentStep(parent) else { return }
        switch need {
        case .read:
            throw StepwiseError(
                .wrongStatus,
                "run \(child.id) cannot be deleted yet: step \"\(step.step)\" of run \(step.run), its parent, has still to read its end; a worker that "
                    + "serves the parent's queue lets it do so (or cancel the parent)")
        case .resume where child.status == .completed:
            throw StepwiseError(
                .wrongStatus,
                "run \(child.id) cannot be deleted yet: run \(step.run), its parent, has failed, and once it is resumed step \"\(step.step)\" may ask for "
                    + "this run again, and without it would begin it a second time. Delete the parent first, or let it come to its end"
            )
        case .resume: return
        }
    }

    /// - Parameter what: what was asked for, such as "be resumed".
    func stillEnding(_ id: String, _ what: String) -> StepwiseError {
        StepwiseError(
            .wrongStatus,
            "run \(id) cannot \(what) yet: it is ending, and its open steps are being withdrawn; try again once it has ended "
                + "(\(keys.command("status \(id.shellWord)")))"
        )
    }

    package func noSuchRun(_ id: String) -> StepwiseError {
        StepwiseError(
            .noSuchRun, "no run \(id) in namespace \"\(keys.namespace)\"; if it ended long ago, retention removed it")
    }
}
