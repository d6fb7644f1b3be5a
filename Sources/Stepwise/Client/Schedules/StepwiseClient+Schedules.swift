#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A schedule, and how it stands.
public struct ScheduleDetails: Sendable, Hashable {
    public var schedule: Schedule
    /// When it was made, by Redis' clock, as all times here.
    public var created: Date
    /// Since when it is paused; `nil` if it is not.
    public var paused: Date?
    /// The first tick that was not dealt with. It has passed if no worker was there, or if it waits for another run's end.
    public var next: Date
    /// The last tick whose run was started, and the last run.
    public var lastTick: Date?
    public var lastRun: String?
    /// How many ticks' runs were started, how many ticks were skipped for a live run, and how many were too late.
    public var started: Int
    public var skipped: Int
    public var missed: Int
    /// How many runs were started outside of the ticks.
    public var triggered: Int
    /// With `overlap` `.skip` or `.queue`: its live runs that nobody takes forward, for which its ticks are skipped or wait.
    public var blockers: [ScheduleBlocker] = []

    init(_ stored: StoredSchedule) {
        schedule = stored.definition
        (created, next) = (Date(milliseconds: stored.created), Date(milliseconds: stored.next))
        (paused, lastTick) = (Date(milliseconds: stored.paused), Date(milliseconds: stored.lastTick))
        lastRun = stored.lastRun
        (started, skipped, missed) = (stored.started, stored.skipped, stored.missed)
        triggered = stored.triggered
    }
}

extension ScheduleDetails {
    /// What keeps its runs from starting, as sentences for a person.
    package func notes(_ keys: Keys) -> [String] {
        var notes: [String] = []
        if let zone = schedule.missingZone {
            notes.append(
                "this system lacks the time zone \(zone) of schedule \"\(schedule.name)\": workers that have it start its runs; install tzdata to see its "
                    + "next times here")
        }
        if let blocker = blockers.first {
            let what = schedule.overlap == .queue ? "lets its ticks wait" : "skips its ticks"
            let others = blockers.count > 1 ? ", nor \(blockers.count - 1) more" : ""
            let reason = blocker.reason ?? ""
            let state = reason.hasPrefix("\(blocker.status)") ? reason : "\(blocker.status): \(reason)"
            notes.append(
                "schedule \"\(schedule.name)\" \(what) (overlap: \(schedule.overlap.rawValue)), because nobody takes its run \(blocker.run) forward"
                    + "\(others) (\(state)): let that one go on, or cancel it "
                    + "(\(keys.command("status \(blocker.run.shellWord)")))"
            )
        }
        return notes
    }
}

/// A live run that nobody takes forward until something else has happened.
public struct ScheduleBlocker: Sendable, Hashable {
    public var run: String
    /// `parked`, `paused` or `noWorker`.
    public var status: RunStatus
    /// Why, as the run's `reason` says.
    public var reason: String?
}

/// The schedules of a namespace.
public struct ScheduleListing: Sendable, Hashable {
    /// Those that can be read, by name.
    public var schedules: [ScheduleDetails]
    /// The others: name to what is wrong with it. These start nothing.
    public var unreadable: [String: String]
}

extension StepwiseClient {
    /// The namespace's schedules.
    public var schedules: Schedules { Schedules(client: self) }
}

/// Makes, changes and looks at schedules: ``StepwiseClient/schedules``.
///
/// Every call throws a ``StepwiseError``: one of the `redis…` codes; `noSuchSchedule`; `tooLarge` for an input that is; or `invalidSchedule` for one whose stored JSON was
/// changed by hand and cannot be read. After `redisAmbiguous` ask how it stands before repeating a call.
public struct Schedules: Sendable {
    let client: StepwiseClient

    /// The most ticks that one backfill starts.
    public static let mostBackfilled = 1000

    // MARK: Making and changing

    /// Makes a schedule. Its first tick is the first after now.
    ///
    /// - Throws: `scheduleExists` if there is one of this name.
    public func create(_ schedule: Schedule) async throws {
        try schedule.check(maximumPayloadSize: client.maximumPayloadSize, of: "client")
        try await client.prepare(writes: true)
        let now = try await client.redisTime()
        let stored = StoredSchedule(schedule, created: now, next: try Ticks(schedule.timing).next(after: now))
        if case .done = try await change(ScheduleChange(of: schedule.name, nil, to: stored)) { return }
        throw StepwiseError(
            .scheduleExists, "there is a schedule \"\(schedule.name)\" already: update it, or choose another name")
    }

    /// Gives a schedule another definition. A pause and its counts stay. With another timing its next tick is the first after now; ticks of the
    /// old one that were due and whose runs were not started are counted as missed.
    ///
    /// A worker that declares the schedule leaves this change alone until its own code says something new.
    public func update(_ schedule: Schedule) async throws {
        try schedule.check(maximumPayloadSize: client.maximumPayloadSize, of: "client")
        _ = try await edit(schedule.name) { stored, now in (try stored.redefined(schedule, now: now), nil) }
    }

    /// Removes a schedule. Its runs stay. A worker that declares it makes it again when it starts: pause such a one.
    public func delete(_ name: String) async throws {
        for _ in 0..<Self.tries {
            guard let json = try await json(of: name) else { throw noSuchSchedule(name) }
            let before = (try? StoredSchedule(name: name, json: json)).map { (json: json, schedule: $0) }
            var change = ScheduleChange(of: name, before, to: nil)
            change.before = json
            if before == nil { try await removeTimers(of: name) }
            if case .done = try await self.change(change) { return }
        }
        throw restless(name)
    }

    /// Starts no runs until ``resume(_:)``. Those under way go on.
    ///
    /// - Returns: whether this call did it; `false` if it was paused before.
    @discardableResult
    public func pause(_ name: String) async throws -> Bool {
        try await edit(name) { stored, now in
            guard stored.paused == nil else { return nil }
            stored.paused = now
            return (stored, nil)
        } != nil
    }

    /// Lets a paused schedule go on with the first tick after now; those of the pause are neither started nor counted. Ticks that were due before
    /// the pause, and whose runs were not started, go on if no tick came during it; else they are counted as missed.
    ///
    /// - Returns: whether it was paused.
    @discardableResult
    public func resume(_ name: String) async throws -> Bool {
        try await edit(name) { stored, now in
            guard let resumed = try stored.resumed(now: now) else { return nil }
            return (resumed, nil)
        } != nil
    }

    // MARK: Starting runs

    /// Starts one run now, outside of the ticks, also of a paused schedule and beside a run that is live. Ticks see it as a run of the schedule.
    ///
    /// - Parameter id: the run's id; `nil` for a new one. With an id the call may be repeated after any error: one id makes one run.
    /// - Throws: `invalidIdentifier` also if the id belongs to a run of another workflow.
    @discardableResult
    public func trigger(_ name: String, id: String? = nil) async throws -> WorkflowRun<Void> {
        if let id { return try await trigger(name, runID: id) }
        let runID = "\(name)/\(Identifier.random(milliseconds: wallClockMilliseconds()))"
        let run = try await client.repeating { try await trigger(name, runID: runID) }
        // Nobody else has this id: it is there already only because an earlier sending has arrived.
        return WorkflowRun(id: run.id, isNew: true, source: client)
    }

    private func trigger(_ name: String, runID: String) async throws -> WorkflowRun<Void> {
        try Identifier.check(runID: runID)
        let workflow = try await stored(name).schedule.definition.workflow
        return try await startRun(runID, of: name, workflow) { stored in
            stored.note(runID)
            stored.triggered += 1
        }
    }

    /// Starts a run of a schedule outside of its ticks, and notes it in the same step.
    private func startRun(
        _ runID: String, of name: String, _ workflow: String, _ note: (inout StoredSchedule) -> Void
    ) async throws -> WorkflowRun<Void> {
        let there = try await client.command(
            .run(client.keys, runID, .workflow), doing: "looking for run \(runID)")
        if let there = there.text(.workflow) {
            if there == workflow { return WorkflowRun(id: runID, isNew: false, source: client) }
            throw StepwiseError(
                .invalidIdentifier,
                "run id \(runID) belongs to a run of workflow \"\(there)\", not \"\(workflow)\"; choose another id")
        }
        let isNew = try await edit(name) { stored, _ in
            note(&stored)
            return (stored, runID)
        }
        return WorkflowRun(id: runID, isNew: isNew ?? false, source: client)
    }

    /// Starts the runs of the ticks of a time that has passed, all at once, whatever the schedule says of overlaps, and whether it was paused then. A
    /// tick whose run is there already is not started again; so the call may be repeated. For the ticks that come, its runs are live like any others:
    /// of many the last 20 count.
    ///
    /// - Parameters:
    ///   - start: the first time that counts.
    ///   - end: the first that does not; not in the future.
    /// - Returns: the ticks' runs, in their order; `isNew` says which this call started.
    /// - Throws: `invalidSchedule` if there are more than ``mostBackfilled``: then nothing was started.
    @discardableResult
    public func backfill(_ name: String, from start: Date, to end: Date) async throws -> [WorkflowRun<Void>] {
        let stored = try await stored(name).schedule
        let now = try await client.redisTime()
        let (first, last) = (start.boundedMilliseconds(), end.boundedMilliseconds())
        if last > now || first >= last {
            throw StepwiseError(
                .invalidSchedule,
                "schedule \"\(name)\" cannot be backfilled from \(tickText(first)) to \(tickText(last)): the end must be after the beginning and "
                    + "not in the future")
        }
        let ticks = try Ticks(stored.definition.timing)
        var due: [Int] = []
        var tick = try ticks.next(after: first - 1)
        while tick < last {
            if due.count == Self.mostBackfilled {
                throw StepwiseError(
                    .invalidSchedule,
                    "schedule \"\(name)\" has more than \(Self.mostBackfilled) ticks from \(tickText(first)) to \(tickText(last)): backfill it in parts, "
                        + "the first up to \(tickText(tick))")
            }
            due.append(tick)
            tick = try ticks.next(after: tick)
        }
        var runs: [WorkflowRun<Void>] = []
        let definition = stored.definition
        for tick in due {
            let runID = definition.runID(ofTick: tick)
            let run = try await startRun(runID, of: name, definition.workflow) { $0.noteLive(runID) }
            runs.append(run)
        }
        return runs
    }

    // MARK: Looking

    /// How a schedule stands.
    public func details(_ name: String) async throws -> ScheduleDetails {
        let stored = try await stored(name).schedule
        var details = ScheduleDetails(stored)
        details.blockers = try await blockers(of: [stored])[name] ?? []
        return details
    }

    /// All schedules, by name; and those that cannot be read, with the reason.
    public func list() async throws -> ScheduleListing {
        var schedules: [String: StoredSchedule] = [:]
        var unreadable: [String: String] = [:]
        try await client.scanHash(client.keys.schedules) { fields in
            for (name, json) in fields {
                do throws(StoredSchedule.Problem) {
                    schedules[name] = try StoredSchedule(name: name, json: json)
                } catch { unreadable[name] = error.reason }
            }
        }
        let stored = schedules.values.sorted { $0.definition.name < $1.definition.name }
        let blockers = try await blockers(of: stored)
        return ScheduleListing(
            schedules: stored.map { stored in
                var details = ScheduleDetails(stored)
                details.blockers = blockers[stored.definition.name] ?? []
                return details
            }, unreadable: unreadable)
    }

    /// Of schedules whose ticks wait for their runs, or are skipped for them: those runs that nobody takes forward.
    private func blockers(of schedules: [StoredSchedule]) async throws -> [String: [ScheduleBlocker]] {
        let waiting = schedules.filter { $0.definition.overlap == .skip || $0.definition.overlap == .queue }
        let runs = waiting.flatMap { stored in stored.live.map { (schedule: stored.definition.name, id: $0) } }
        var blockers: [String: [ScheduleBlocker]] = [:]
        for start in stride(from: 0, to: runs.count, by: 500) {
            let page = runs[start..<min(start + 500, runs.count)]
            let replies = try await client.all(
                page.map { .run(client.keys, $0.id, .status, .reason) }, doing: "reading the runs of schedules")
            for (run, fields) in zip(page, replies) {
                guard let status = fields.status, [RunStatus.parked, .paused, .noWorker].contains(status) else {
                    continue
                }
                blockers[run.schedule, default: []].append(
                    ScheduleBlocker(run: run.id, status: status, reason: fields.text(.reason)))
            }
        }
        return blockers
    }

    /// The ticks that come next, by Redis' clock; also of a paused schedule.
    ///
    /// - Parameter count: how many, at most 1,000.
    public func nextTicks(of name: String, count: Int = 5) async throws -> [Date] {
        let stored = try await stored(name).schedule
        let ticks = try Ticks(stored.definition.timing)
        return try ticks.next(min(max(0, count), 1000), after: try await client.redisTime()).map {
            Date(milliseconds: $0)
        }
    }

    // MARK: Redis

    private static let tries = 100

    private func json(of name: String) async throws -> [UInt8]? {
        try Identifier.check(schedule: name)
        return try await client.command(.schedule(client.keys, name), doing: "reading schedule \"\(name)\"")
    }

    private func stored(_ name: String) async throws -> (json: [UInt8], schedule: StoredSchedule) {
        guard let json = try await json(of: name) else { throw noSuchSchedule(name) }
        do { return (json, try StoredSchedule(name: name, json: json)) } catch {
            throw StepwiseError(.invalidSchedule, "schedule \"\(name)\" cannot be read: \(error.reason)")
        }
    }

    private func change(_ change: ScheduleChange) async throws -> ScheduleChange.Reply {
        let indexed = change.run == nil ? [] : try await client.indexedLabels()
        return try await client.evaluate(
            .schedule(client.keys, change, indexed: indexed), doing: "changing schedule \"\(change.name)\"")
    }

    /// Changes a schedule from what it is to what `body` makes of it; again if somebody else was faster.
    ///
    /// - Parameter body: gets the schedule and Redis' time; returns it as it is to be, and the id of a run to start; `nil` for no change.
    /// - Returns: whether the run is new; `nil` if nothing was changed.
    private func edit(
        _ name: String, _ body: (inout StoredSchedule, Int) throws -> (StoredSchedule, run: String?)?
    ) async throws -> Bool? {
        for _ in 0..<Self.tries {
            let before = try await stored(name)
            var schedule = before.schedule
            guard let (after, run) = try body(&schedule, try await client.redisTime()) else { return nil }
            var change = ScheduleChange(of: name, before, to: after)
            change.run = run.map { ($0, after.definition) }
            if case .done(let isNew) = try await self.change(change) { return isNew }
        }
        throw restless(name)
    }

    /// Of a schedule that cannot be read, which does not say when its timer is due.
    private func removeTimers(of name: String) async throws {
        try await client.scanSortedSet(client.keys.delayed) { entries in
            for (entry, _) in entries where ScheduleTimer(entry)?.schedule == name {
                try await client.command(
                    .removeDelayed(client.keys, entry), doing: "removing schedule \"\(name)\"")
            }
        }
    }

    private func noSuchSchedule(_ name: String) -> StepwiseError {
        StepwiseError(.noSuchSchedule, "no schedule \"\(name)\" in namespace \"\(client.keys.namespace)\"")
    }

    private func restless(_ name: String) -> StepwiseError {
        StepwiseError(
            .redisAmbiguous, "schedule \"\(name)\" was changed by others all the while; nothing was done, try again")
    }
}
