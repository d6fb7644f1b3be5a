#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension StepwiseClient {
    /// Pauses a run: bodies that run end and are recorded, and nothing new begins until ``resume(_:from:)``. Time limits go on.
    ///
    /// - Parameters:
    ///   - id: the run.
    ///   - reason: is kept on the run and shown to people; at most 1,000 bytes of it.
    ///   - person: who asks for it; at most 200 bytes are kept behind the reason.
    /// - Returns: whether this call did it; `false` if it was paused before.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if the run has ended, is ending, or is parked (then nothing moves it anyway), or
    ///   one of the `redis…` codes.
    @discardableResult
    public func pause(
        _ id: String, reason: String = "a client asked for it", by person: String? = nil
    ) async throws -> Bool {
        let person = PauseNote.name(person).map { " (by \($0))" } ?? ""
        let reader = try await evaluate(
            .pause(keys, id, reason: "paused: " + reason.prefix(bytes: 1000) + person), doing: "pausing run \(id)")
        switch reader.word {
        case "paused": return true
        case "already": return false
        case "missing": throw noSuchRun(id)
        case "parked":
            throw StepwiseError(
                .wrongStatus, "run \(id) is parked: it waits for other code or a person; its status says for what")
        case "over":
            let status = try reader.text(1)
            if status == RunStatus.ending.rawValue { throw stillEnding(id, "be paused") }
            throw StepwiseError(.wrongStatus, "run \(id) cannot be paused: it has ended, \(status)")
        default: throw reader.unexpected
        }
    }
}

/// What is paused besides runs.
public struct PausedWork: Sendable, Hashable {
    /// A queue's pause, or a workflow's.
    public struct Pause: Sendable, Hashable {
        /// When it began, by Redis' clock.
        public var since: Date
        /// Who asked for it, if that was said; at most 200 bytes.
        public var by: String?
        /// Why, if that was said; at most 1,000 bytes.
        public var reason: String?

        init(_ note: PauseNote) {
            (since, by, reason) = (Date(milliseconds: note.since), note.by, note.reason)
        }
    }

    /// Queue to its pause.
    public var queues: [String: Pause] = [:]
    /// Workflow to its pause.
    public var workflows: [String: Pause] = [:]

    package init() {}
}

extension StepwiseClient {
    /// Pauses a queue: within two heartbeats (a second) nothing is claimed from it any more. What is claimed goes on, and a run under way may go
    /// on from step to step as long as its worker keeps it.
    ///
    /// - Parameters:
    ///   - queue: its name.
    ///   - reason: is kept and shown to people; at most 1,000 bytes of it.
    ///   - person: who asks for it; at most 200 bytes are kept, on one line.
    /// - Returns: whether this call did it; `false` if it was paused before: then nothing is changed, and ``paused()`` tells since when, by whom
    ///   and why.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, or one of the `redis…` codes.
    @discardableResult
    public func pause(queue: String, reason: String? = nil, by person: String? = nil) async throws -> Bool {
        try Identifier.check(queue: queue)
        return try await pause("queue:\(queue)", reason, person)
    }

    /// Pauses a workflow: within two heartbeats (a second) nothing of its runs begins any more. What is claimed of it waits in
    /// `unserved:<queue>:<workflow>`.
    ///
    /// - Parameters:
    ///   - workflow: its name.
    ///   - reason: is kept and shown to people; at most 1,000 bytes of it.
    ///   - person: who asks for it; at most 200 bytes are kept, on one line.
    /// - Returns: whether this call did it; `false` if it was paused before: then nothing is changed, and ``paused()`` tells since when, by whom
    ///   and why.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, or one of the `redis…` codes.
    @discardableResult
    public func pause(workflow: String, reason: String? = nil, by person: String? = nil) async throws -> Bool {
        try Identifier.check(workflow: workflow)
        return try await pause("workflow:\(workflow)", reason, person)
    }

    /// Lets a paused queue go on.
    ///
    /// - Returns: whether it was paused.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, or one of the `redis…` codes.
    @discardableResult
    public func resume(queue: String) async throws -> Bool {
        try Identifier.check(queue: queue)
        return try await resume(paused: "queue:\(queue)")
    }

    /// Lets a paused workflow go on. Workers take up what has waited at their next look, within two seconds.
    ///
    /// - Returns: whether it was paused.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    @discardableResult
    public func resume(workflow: String) async throws -> Bool { try await resume(paused: "workflow:\(workflow)") }

    /// What is paused besides runs.
    ///
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    public func paused() async throws -> PausedWork {
        var paused = PausedWork()
        for (name, note) in try await command(.paused(keys), doing: "reading \(keys.paused)") {
            if name.hasPrefix("queue:") { paused.queues[String(name.dropFirst(6))] = PausedWork.Pause(note) }
            if name.hasPrefix("workflow:") { paused.workflows[String(name.dropFirst(9))] = PausedWork.Pause(note) }
        }
        return paused
    }

    /// A queue's pause; `nil` if it is not paused.
    package func pause(ofQueue queue: String) async throws -> PausedWork.Pause? {
        try await pauseNote("queue:\(queue)").map { PausedWork.Pause($0) }
    }

    /// A workflow's pause; `nil` if it is not paused.
    package func pause(ofWorkflow workflow: String) async throws -> PausedWork.Pause? {
        try await pauseNote("workflow:\(workflow)").map { PausedWork.Pause($0) }
    }

    private func pauseNote(_ name: String) async throws -> PauseNote? {
        try await command(.pauseNote(keys, name), doing: "reading \(keys.paused)")
    }

    private func pause(_ name: String, _ reason: String?, _ person: String?) async throws -> Bool {
        try await prepare(writes: true)
        let note = PauseNote(since: try await redisTime(), by: person, reason: reason)
        return try await command(.pause(keys, name, note), doing: "pausing \(name)")
    }

    private func resume(paused name: String) async throws -> Bool {
        try await command(.resume(keys, paused: name), doing: "resuming \(name)")
    }
}

extension WorkflowRun {
    /// Pauses the run: see ``StepwiseClient/pause(_:reason:by:)``.
    @discardableResult
    public func pause(reason: String = "a client asked for it", by person: String? = nil) async throws -> Bool {
        try await source.pause(id, reason: reason, by: person)
    }

    /// Lets the run go on: see ``StepwiseClient/resume(_:from:)``.
    public func resume() async throws { try await source.resume(id, from: nil) }
}
