import ArgumentParser
import Stepwise

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Shows how a run stands.")

    @Argument(help: "The run's id.")
    var run: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await connection.withClient { client in
            let record = try await client.record(run)
            let details = record.details
            let isEnding = details.status == .ending
            // Those of an ending run no longer wait for anything.
            let open = isEnding ? [] : try await client.openSteps(ofRun: run)
            let left: Int? = !isEnding ? nil : try await client.openStepCount(ofRun: run)
            let unserved =
                open.isEmpty
                ? 0 : try await client.unservedWorkItems(ofWorkflow: details.workflow, queue: details.queue)
            let version = try await client.turnHolderVersion(of: record)
            let paused: PausedWork = details.status.isEnded || isEnding ? .init() : try await client.paused()
            let reason = Self.reason(details, paused)
            var prospect = try await prospect(record, paused, client)
            // A user who may not read what it needs is told the rest.
            prospect.why = try? await client.explain(run)
            if connection.json {
                Output.print(json(record, reason, open, left, unserved, version, paused, prospect))
            } else {
                Output.print(tables(record, reason, open, left, unserved, version, paused, prospect))
            }
        }
    }

    /// The stored reason; what a worker saw before somebody has ended the pause is told as such.
    private static func reason(_ details: RunDetails, _ paused: PausedWork) -> String? {
        guard details.reason == Obstacle.pausedWorkflow, paused.workflows[details.workflow] == nil else {
            return details.reason
        }
        return "the workflow was paused when a worker last looked; it is not any more"
    }

    /// What the run waits for that does not come by itself, or not at once.
    private struct Prospect {
        var silent: [SilentHolder] = []
        /// What `stepwise explain` says.
        var why: Explanation?
        /// What comes next, or what to do; `nil` if the run just goes on, or has ended well.
        var next: String?
    }

    private func prospect(
        _ record: RunRecord, _ paused: PausedWork, _ client: StepwiseClient
    ) async throws -> Prospect {
        let details = record.details
        let (id, queue, keys) = (details.id.shellWord, details.queue, client.keys)
        switch details.status {
        case .completed, .cancelled, .ending: return Prospect()
        case .failed:
            let look = "look at it and decide: \(keys.command("dead show \(id)"))"
            return Prospect(next: details.restarted == nil ? look : nil)
        case .parked:
            let isDamaged = details.reason?.hasPrefix(Obstacle.refusedWrite) == true
            let look = isDamaged ? "look for damaged keys: \(keys.command("doctor")); " : ""
            return Prospect(next: look + "mend what the reason says, then: \(keys.command("resume \(id)"))")
        case .paused: return Prospect(next: keys.command("resume \(id)"))
        default: break
        }
        if paused.queues[queue] != nil {
            return Prospect(next: keys.command("resume --queue \(queue.shellWord)"))
        }
        if paused.workflows[details.workflow] != nil {
            return Prospect(next: keys.command("resume --workflow \(details.workflow.shellWord)"))
        }
        if details.status == .noWorker {
            return Prospect(next: await nextOfUnserved(record, client))
        }
        if details.status == .queued, let starts = details.startsAt {
            return Prospect(next: "starts at \(Output.time(starts))")
        }
        // A user who may not read them is told the rest.
        guard let workers = try? await client.workers(),
            let silent = try? await client.silentHolders(of: record, among: workers)
        else { return Prospect() }
        let isServed = workers.contains { worker in
            worker.state == .alive && worker.queues.contains(queue) && !silent.contains { $0.worker == worker.name }
        }
        if !isServed {
            let what = "no worker of queue \(queue) is alive: start one"
            return Prospect(silent: silent, next: what + ", if \(keys.command("health")) knows no other reason")
        }
        if silent.isEmpty { return Prospect() }
        let when = silent.allSatisfy(\.isDead) ? "" : "after its lease (10 s unless it is set) "
        return Prospect(
            silent: silent,
            next: when
                + "another worker gives back what it holds; a body that had begun is executed from its beginning, "
                + "and counts as interrupted if its step is .atMostOnce"
        )
    }

    /// A worker that has come, or whose workflow was resumed, has not looked yet.
    private func nextOfUnserved(_ record: RunRecord, _ client: StepwiseClient) async -> String {
        let (queue, workflow) = (record.details.queue, record.details.workflow)
        // A user who may not read them is told what a worker noted.
        let workers = (try? await client.workers()) ?? []
        let isServed = workers.contains { worker in
            worker.state == .alive && worker.queues.contains(queue) && worker.workflows.contains(workflow)
                && !record.incompatibleVersions.contains { $0 == worker.versions[workflow] }
        }
        if isServed {
            return "a worker that has workflow \(workflow) takes it up at its next look, within two seconds"
        }
        let can = record.incompatibleVersions.isEmpty ? "" : " in a version that can replay it"
        return "no worker that claims from queue \(queue) has workflow \(workflow)\(can): start one that has it"
    }

    private static func words(_ holder: SilentHolder) -> String {
        let what = (holder.holdsTurn ? ["the turn"] : []) + holder.steps.prefix(3).map { "step \($0)" }
        let more = holder.steps.count > 3 ? " and \(holder.steps.count - 3) more steps" : ""
        return "worker \(holder.worker) holds \(what.joined(separator: ", "))\(more); it "
            + (holder.isDead ? "was declared dead" : "has been silent for \(Output.length(holder.silence))")
    }

    private func tables(
        _ record: RunRecord, _ reason: String?, _ open: [(step: String, state: OpenStep)], _ left: Int?,
        _ unserved: Int,
        _ version: String?, _ paused: PausedWork, _ prospect: Prospect
    ) -> [Table] {
        let details = record.details
        var table = Table("run", details.id)
        table.add("workflow", details.workflow)
        if let version { table.add("version", "\(version) (of the worker that holds its turn)") }
        table.add("status", details.status.rawValue)
        if let left {
            table.add("ends as", Self.decision(details.ending))
            table.add("still open", "\(left) steps, which a worker withdraws in pages; then its end can be seen")
        }
        if let why = prospect.why { table.add("why", why.sentence) }
        if let reason { table.add("reason", reason) }
        for holder in prospect.silent { table.add("silent", Self.words(holder)) }
        if let next = prospect.next { table.add("next", next) }
        if !details.patches.isEmpty { table.add("patches", details.patches.keys.sorted().joined(separator: ", ")) }
        if !record.incompatibleVersions.isEmpty {
            table.add("unfit versions", record.incompatibleVersions.joined(separator: " "))
        }
        if let cancelled = details.cancelled { table.add("cancelled", cancelled) }
        if let pause = paused.queues[details.queue] {
            table.add("paused queue", "\(details.queue), \(pause.words)")
        }
        if let pause = paused.workflows[details.workflow] {
            table.add("paused workflow", "\(details.workflow), \(pause.words)")
        }
        if unserved > 0 {
            table.add("unserved", "\(unserved) work items wait for a worker that has workflow \(details.workflow)")
        }
        if let warning = details.warning { table.add("warning", warning) }
        if !details.labels.isEmpty { table.add("labels", Labels.text(details.labels)) }
        if let origin = details.origin { table.add("restart of", origin) }
        if let restarted = details.restarted { table.add("restarted as", restarted) }
        if let parent = details.parent { table.add("child of", "\(parent), step \(details.parentStep ?? "")") }
        table.add("queue", details.queue)
        table.add("turn", record.turn.isEmpty ? "-" : record.turn)
        table.add("recorded", String(details.recorded))
        table.add("created", Output.time(details.created))
        if let began = details.began { table.add("began", Output.time(began)) }
        table.add("ended", Output.time(details.ended))
        if let starts = details.startsAt { table.add("starts at", Output.time(starts)) }
        if details.continued > 0 {
            table.add("continued", details.continued == 1 ? "once" : "\(details.continued) times")
        }
        if let deadline = details.deadline { table.add("deadline", Output.time(deadline)) }
        table.add("payload", Output.short(details.payload, 500))
        if let output = details.output { table.add("output", Output.short(output, 500)) }
        if let error = details.error { table.add("error", Output.short(error, 500)) }
        if open.isEmpty { return [table] }
        var steps = Table("OPEN STEP", "ATTEMPT", "LOST", "MOVED BY", "CALLED", "UNTIL")
        for (step, state) in open {
            steps.add(
                step, state.of.map { "\(state.attempt) of \($0)" } ?? String(state.attempt), String(state.lost),
                Self.mover(of: state), Output.time(state.called), Output.time(state.limits.values.min()))
        }
        return [table, steps] + failedAttempts(open)
    }

    private static func decision(_ ending: String?) -> String {
        ending == "continued" ? "continued: it begins anew" : ending ?? "-"
    }

    private static func mover(of state: OpenStep) -> String {
        if let child = state.child { return "child \(child)" }
        // Whoever reads a callback's secret could answer it.
        if let event = state.event { return event.name.hasPrefix("callback:") ? "callback" : "event \(event.name)" }
        return state.place
    }

    private func failedAttempts(_ open: [(step: String, state: OpenStep)]) -> [Table] {
        var table = Table("", "FAILED", "ATTEMPT", "TOOK", "AT", "WORKER", "ERROR")
        var isEmpty = true
        for (step, state) in open {
            for attempt in state.failed {
                table.add(attempt.row(of: step))
                isEmpty = false
            }
        }
        return isEmpty ? [] : [table]
    }

    private func json(_ holder: SilentHolder) -> JSONDocument {
        .object([
            ("worker", .string(holder.worker)), ("silence", JSONDocument(holder.silence)),
            ("dead", .bool(holder.isDead)), ("turn", .bool(holder.holdsTurn)), ("steps", JSONDocument(holder.steps)),
        ])
    }

    private func json(
        _ record: RunRecord, _ reason: String?, _ open: [(step: String, state: OpenStep)], _ left: Int?,
        _ unserved: Int,
        _ version: String?, _ paused: PausedWork, _ prospect: Prospect
    ) -> JSONDocument {
        let details = record.details
        return .object([
            ("id", .string(details.id)), ("workflow", .string(details.workflow)),
            ("version", JSONDocument(version)), ("unfit", JSONDocument(record.incompatibleVersions)),
            ("patches", JSONDocument(patches: details.patches)),
            ("status", .string(details.status.rawValue)), ("ending", JSONDocument(details.ending)),
            ("left", JSONDocument(left)),
            ("cause", JSONDocument(prospect.why?.cause.rawValue)), ("sentence", JSONDocument(prospect.why?.sentence)),
            ("reason", JSONDocument(reason)), ("next", JSONDocument(prospect.next)),
            ("silent", .array(prospect.silent.map(json))), ("divergence", details.divergence.map(\.json) ?? .null),
            ("warning", JSONDocument(details.warning)),
            ("cancelled", JSONDocument(details.cancelled)),
            ("labels", Labels.json(details.labels)), ("origin", JSONDocument(details.origin)),
            ("restarted", JSONDocument(details.restarted)),
            ("parent", JSONDocument(details.parent)), ("parentStep", JSONDocument(details.parentStep)),
            ("queue", .string(details.queue)), ("unserved", .number(unserved)),
            ("pausedQueue", paused.queues[details.queue]?.json ?? .null),
            ("pausedWorkflow", paused.workflows[details.workflow]?.json ?? .null),
            ("turn", .string(record.turn)), ("recorded", .number(details.recorded)),
            ("created", JSONDocument(details.created)), ("began", JSONDocument(details.began)),
            ("ended", JSONDocument(details.ended)), ("startsAt", JSONDocument(details.startsAt)),
            ("continued", .number(details.continued)),
            ("deadline", JSONDocument(details.deadline)),
            ("payload", JSONDocument(stored: details.payload)),
            ("output", JSONDocument(stored: details.output)), ("error", JSONDocument(stored: details.error)),
            (
                "open",
                .array(
                    open.map { step, state in
                        .object([
                            ("step", .string(step)), ("kind", .string(state.kindName)),
                            ("attempt", .number(state.attempt)), ("of", JSONDocument(state.of)),
                            ("called", JSONDocument(state.called)), ("waited", JSONDocument(state.waited)),
                            ("lost", .number(state.lost)), ("until", JSONDocument(state.limits.values.min())),
                            ("mover", .string(state.place)), ("child", JSONDocument(state.child)),
                            ("event", JSONDocument(state.event?.name)),
                            ("failed", .array(state.failed.map(\.json))),
                        ])
                    })
            ),
        ])
    }
}
