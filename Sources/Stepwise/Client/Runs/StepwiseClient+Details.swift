#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif
internal import StepwiseRedis

extension StepwiseClient {
    /// What is stored of a run; `nil` if there is none.
    package func details(ofRun id: String) async throws -> RunDetails? { try await record(ofRun: id)?.details }

    /// The same, with the protocol's own fields.
    package func record(ofRun id: String) async throws -> RunRecord? {
        let fields = [
            "workflow", "status", "queue", "recorded", "turn", "created", "ended", "reason", "warning", "payload",
            "output",
            "error", "cancelled", "labels", "origin", "restarted", "deadline", "divergence", "unfit",
            "patches", "delivered", "opened",
            "parent", "parentQueue", "startsAt", "continued",
        ]
        let reply = try await command(
            ["HMGET", .init(keys.run(id))] + fields.map { .init($0) }, doing: "reading run \(id)")
        guard let v = reply.array, v.count == fields.count, let workflow = v[0].string, let status = v[1].string else {
            return nil
        }
        let parent = v[22].string.flatMap { ParentStep($0) }
        let details = RunDetails(
            id: id, workflow: workflow, status: RunStatus(rawValue: status), queue: v[2].string ?? "",
            recorded: v[3].integer ?? 0,
            created: Date(milliseconds: v[5].integer), ended: Date(milliseconds: v[6].integer),
            continued: v[25].integer ?? 0, reason: v[7].string,
            divergence: v[17].bytes.flatMap { try? JSON.decode(Divergence.self, from: $0, what: "") },
            patches: v[19].bytes.map { PatchMarks.read($0) } ?? [:],
            cancelled: v[12].string,
            warning: v[8].string,
            payload: v[9].string ?? "null", output: v[10].string, error: v[11].string,
            deadline: Date(milliseconds: v[16].integer), startsAt: Date(milliseconds: v[24].integer),
            labels: RunLabels(stored: v[13].string).values, origin: v[14].string, restarted: v[15].string,
            parent: parent?.run, parentStep: parent?.step)
        return RunRecord(
            details: details, turn: v[4].string ?? "", delivered: v[20].integer, opened: v[21].integer,
            incompatibleVersions: v[18].string?.split(separator: " ").map(String.init) ?? [],
            parentQueue: v[23].string)
    }

    /// A run's outcomes in their order, read in pages.
    package func history(ofRun id: String) async throws -> [RecordedStep] {
        var steps: [RecordedStep] = []
        while true {
            let page = try await evaluate(
                .history(keys, id, from: steps.count), doing: "reading the history of run \(id)")
            if page.isEmpty { return steps }
            for record in page { steps.append(RecordedStep(number: steps.count + 1, try OutcomeRecord(record))) }
        }
    }

    /// Lets a parked, paused or failed run go on, under the same id.
    ///
    /// A failed run keeps every recorded value and tries again what failed: the step whose error ended it, with all its attempts, or, if
    /// it was no step's, the function. That is for runs in which nothing was recorded after that error; after a compensation, say, what
    /// was undone counts as done. From a step on, that step and everything recorded after it are forgotten and executed again, as other
    /// steps: their idempotency keys are new.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - step: of a failed run, the id of the step to go on from.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if the run is neither parked nor failed, or cannot be resumed as it is (the
    ///   message says what to do), or one of the `redis…` codes.
    public func resume(_ id: String, from step: String? = nil) async throws {
        guard let details = try await details(ofRun: id) else { throw noSuchRun(id) }
        if details.status == .failed { return try await revive(id, from: step) }
        if step != nil {
            throw StepwiseError(
                .wrongStatus,
                "run \(id) is not failed, it is \(details.status): only failed runs can be resumed from a step")
        }
        var cursor = "0"
        while true {
            let reader = try await evaluate(
                .resume(keys, id, queue: details.queue, workflow: details.workflow, cursor: cursor),
                doing: "resuming run \(id)")
            switch reader.word {
            case "resumed": return
            case "more": cursor = try reader.text(1)
            default:
                let status = try reader.text(1)
                if status.isEmpty { throw noSuchRun(id) }
                throw StepwiseError(
                    .wrongStatus,
                    "run \(id) is not parked, it is \(status): only parked, paused and failed runs can be resumed"
                )
            }
        }
    }
}
