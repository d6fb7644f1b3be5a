internal import Logging
internal import StepwiseRedis

/// What workers do for schedules: declare those of their code, and deal with the ticks that are due.
extension WorkerSession {
    private func change(_ change: ScheduleChange) async throws -> ScheduleChange.Reply {
        try await evaluate(.schedule(keys, change, indexed: indexedLabels))
    }

    private func stored(_ name: String) async throws -> [UInt8]? {
        try await command(.schedule(keys, name))
    }

    // MARK: Declaring

    /// Makes the schedules of this worker's code, or gives them the definition that they have in it. One that this definition was written
    /// to before stays as it is, whatever was changed by others since; one with a higher version is not this code's any more.
    func declare(_ schedules: [Schedule]) async throws {
        for schedule in schedules {
            do {
                // Another change in between is looked at again.
                for _ in 0..<100 {
                    if try await declare(schedule) { break }
                }
            } catch let error as RedisError {
                logger.error(
                    "a schedule could not be declared; what else this worker does is not touched by that",
                    metadata: ["schedule": "\(schedule.name)", "error": "\(error)"])
            }
        }
    }

    /// - Returns: `false` if it was changed meanwhile.
    private func declare(_ schedule: Schedule) async throws -> Bool {
        let json = try await stored(schedule.name)
        let now = try await redisTime()
        var before: (json: [UInt8], schedule: StoredSchedule)?
        var after: StoredSchedule
        if let json {
            let there: StoredSchedule
            do { there = try StoredSchedule(name: schedule.name, json: json) } catch {
                warnOfUnreadable(schedule.name, error)
                return true
            }
            if there.declared == schedule.declaration { return true }
            if let version = there.declaredVersion, version > schedule.version {
                logger.notice(
                    "a schedule is left as it is: code with a higher version of it has declared it",
                    metadata: ["schedule": "\(schedule.name)", "version": "\(schedule.version)", "its": "\(version)"])
                return true
            }
            after = try there.redefined(schedule, now: now)
            before = (json, there)
        } else {
            after = StoredSchedule(schedule, created: now, next: try Ticks(schedule.timing).next(after: now))
        }
        after.declared = schedule.declaration
        guard case .done = try await change(ScheduleChange(of: schedule.name, before, to: after)) else { return false }
        logger.info(
            json == nil ? "a schedule was made" : "a schedule has changed", metadata: ["schedule": "\(schedule.name)"])
        return true
    }

    private func warnOfUnreadable(_ name: String, _ problem: StoredSchedule.Problem) {
        logger.error(
            "a schedule cannot be read, and starts nothing until that is mended; see \(keys.command("doctor"))",
            metadata: ["schedule": "\(name)", "problem": "\(problem.reason)"])
    }

    // MARK: Ticks

    /// How long a timer that cannot be dealt with is left alone, in milliseconds.
    private static let postponement = 60_000
    /// How often a tick that waits for another run's end is looked at.
    private static let patience = 1000

    /// The schedule's time zone, which this worker's system lacks: when its next tick is it cannot say.
    private struct ZoneIsMissing: Error {
        var zone: String
    }

    /// Deals with a timer that is due. What is wrong with one schedule must not keep others waiting.
    ///
    /// - Returns: `false` if this worker cannot: the timer is left where it is, so that another takes it as overdue.
    func tick(_ timer: ScheduleTimer) async -> Bool {
        do {
            var timer: ScheduleTimer? = timer
            // The rest of what is due comes with the next beat.
            for _ in 0..<100 {
                guard let due = timer else { return true }
                timer = try await decide(due)
            }
        } catch is SessionEnded {} catch let missing as ZoneIsMissing {
            logger.error(
                "a schedule is left to other workers: this system lacks its time zone; install tzdata here, or see that all workers have that zone",
                metadata: ["schedule": "\(timer.schedule)", "zone": "\(missing.zone)"])
            return false
        } catch {
            logger.error(
                "a tick could not be dealt with; it is tried again in a minute",
                metadata: ["schedule": "\(timer.schedule)", "error": "\(error)"])
            await putOff(timer)
        }
        return true
    }

    /// Leaves a timer that cannot be dealt with alone for a minute.
    func putOff(_ timer: ScheduleTimer) async { try? await postpone(timer, by: Self.postponement) }

    /// - Returns: the schedule's next timer if that is due as well.
    private func decide(_ timer: ScheduleTimer) async throws -> ScheduleTimer? {
        async let time = redisTime()
        let json = try await stored(timer.schedule)
        let now = try await time
        guard let json else {
            _ = try await change(ScheduleChange(timer, before: [], after: []))
            return nil
        }
        let schedule: StoredSchedule
        do { schedule = try StoredSchedule(name: timer.schedule, json: json) } catch {
            warnOfUnreadable(timer.schedule, error)
            try await postpone(timer, by: Self.postponement)
            return nil
        }
        guard schedule.timer == timer else {
            _ = try await change(ScheduleChange(timer, before: json, after: json))
            return nil
        }
        let live = schedule.definition.overlap == .allow ? [] : try await stillLive(schedule.live)
        let result: TickDecision?
        do { result = try TickDecision(schedule, now: now, live: live) } catch {
            if let zone = schedule.definition.missingZone { throw ZoneIsMissing(zone: zone) }
            throw error
        }
        guard let decision = result else {
            try await postpone(timer, by: timer.tick - now)
            return nil
        }
        // Before the tick: after a death in between it is still there, and a second request changes nothing.
        for run in decision.cancels {
            try await cancel(run, reason: "schedule \(timer.schedule) starts its next run (overlap: replace)")
        }
        var change = ScheduleChange(timer, before: json, after: decision.after.json)
        change.arrives = decision.after.timer.map { ($0.entry, decision.waits ? now + Self.patience : $0.tick) }
        change.run = decision.starts.map { (schedule.definition.runID(ofTick: $0), schedule.definition) }
        guard case .done = try await self.change(change), !decision.waits else { return nil }
        logger.debug(
            "a tick was dealt with", metadata: ["schedule": "\(timer.schedule)", "run": "\(change.run?.id ?? "")"])
        return decision.after.next <= now ? decision.after.timer : nil
    }

    private func postpone(_ timer: ScheduleTimer, by milliseconds: Int) async throws {
        let later = try await redisTime() + milliseconds
        try await command(.postpone(keys, timer.entry, to: later))
    }

    private func stillLive(_ runs: [String]) async throws -> [String] {
        var live: [String] = []
        for run in runs {
            if try await command(.run(keys, run, .status)).status?.isEnded == false { live.append(run) }
        }
        return live
    }

    private func cancel(_ id: String, reason: String) async throws {
        let run = try await command(.run(keys, id, .queue, .workflow, .parentQueue))
        guard let queue = run.text(.queue), let workflow = run.text(.workflow) else { return }
        _ = try await evaluate(
            .cancel(
                keys, id, reason: reason, queue: queue, workflow: workflow, parentQueue: run.text(.parentQueue)))
    }

    // MARK: Lost timers

    /// Gives every schedule that has lost its timer a new one: somebody has deleted `delayed`, or an entry of it. One whose timer comes too late,
    /// because Redis' clock was ahead when it was set, gets the next tick by the clock of now.
    func rearmSchedules() async throws {
        var cursor = "0"
        repeat {
            let page = try await command(.fields(keys.schedules, after: cursor, count: 200))
            var readable: [(json: [UInt8], schedule: StoredSchedule, timer: ScheduleTimer)] = []
            for (name, json) in page.elements {
                do {
                    let schedule = try StoredSchedule(name: name, json: json)
                    if let timer = schedule.timer { readable.append((json, schedule, timer)) }
                } catch { warnOfUnreadable(name, error) }
            }
            cursor = page.next
            if readable.isEmpty { continue }
            let delays = try await command(.delays(keys, readable.map(\.timer.entry)))
            let now = try await redisTime()
            for ((json, schedule, timer), delay) in zip(readable, delays) {
                if let early = schedule.setAnew(now: now) {
                    try await setAnew(schedule, json, early)
                } else if let delay {
                    // Nothing puts a timer off for longer.
                    let latest = max(timer.tick, now) + 2 * Self.postponement
                    if delay > Double(latest) { try await postpone(timer, by: max(0, timer.tick - now)) }
                } else {
                    var change = ScheduleChange(timer, before: json, after: json)
                    (change.due, change.arrives) = (nil, (timer.entry, timer.tick))
                    guard case .done = try await self.change(change) else { continue }
                    logger.warning("a schedule had lost its timer", metadata: ["schedule": "\(timer.schedule)"])
                }
            }
        } while cursor != "0"
    }

    private func setAnew(_ schedule: StoredSchedule, _ json: [UInt8], _ early: StoredSchedule) async throws {
        let name = schedule.definition.name
        guard case .done = try await change(ScheduleChange(of: name, (json, schedule), to: early)) else { return }
        logger.warning(
            "redis' clock went back; a schedule's timer is set anew",
            metadata: ["schedule": "\(name)", "from": "\(tickText(schedule.next))", "to": "\(tickText(early.next))"])
    }
}

extension StoredSchedule {
    /// The version of the code that last declared it.
    var declaredVersion: Int? { declared.flatMap { Int($0.prefix { $0 != " " }) } }
}
