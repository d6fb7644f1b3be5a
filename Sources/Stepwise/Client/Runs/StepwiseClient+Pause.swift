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
    /// - Returns: whether this call did it; `false` if it was paused before.
    /// - Throws: ``StepwiseError``: `noSuchRun`, `wrongStatus` if the run has ended, is ending, or is parked (then nothing moves it anyway), or
    ///   one of the `redis…` codes.
    @discardableResult
    public func pause(_ id: String, reason: String = "a client asked for it") async throws -> Bool {
        let reader = try await evaluate(
            .pause(keys, id, reason: "paused: " + reason.prefix(bytes: 1000)), doing: "pausing run \(id)")
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
    /// Queue to the time of its pause, by Redis' clock.
    public var queues: [String: Date] = [:]
    /// Workflow to that time.
    public var workflows: [String: Date] = [:]

    package init() {}
}

extension StepwiseClient {
    /// Pauses a queue: within two heartbeats (a second) nothing is claimed from it any more. What is claimed goes on, and a run under way may go
    /// on from step to step as long as its worker keeps it.
    ///
    /// - Returns: whether this call did it; `false` if it was paused before.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, or one of the `redis…` codes.
    @discardableResult
    public func pause(queue: String) async throws -> Bool {
        try Identifier.check(queue: queue)
        return try await pause("queue:\(queue)")
    }

    /// Pauses a workflow: within two heartbeats (a second) nothing of its runs begins any more. What is claimed of it waits in
    /// `unserved:<queue>:<workflow>`.
    ///
    /// - Returns: whether this call did it; `false` if it was paused before.
    /// - Throws: ``StepwiseError``: `invalidIdentifier`, or one of the `redis…` codes.
    @discardableResult
    public func pause(workflow: String) async throws -> Bool {
        try Identifier.check(workflow: workflow)
        return try await pause("workflow:\(workflow)")
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
        for (name, since) in try await command(.paused(keys), doing: "reading \(keys.paused)") {
            let since = Date(milliseconds: since)
            if name.hasPrefix("queue:") { paused.queues[String(name.dropFirst(6))] = since }
            if name.hasPrefix("workflow:") { paused.workflows[String(name.dropFirst(9))] = since }
        }
        return paused
    }

    private func pause(_ name: String) async throws -> Bool {
        try await prepare(writes: true)
        return try await command(.pause(keys, name, since: try await redisTime()), doing: "pausing \(name)")
    }

    private func resume(paused name: String) async throws -> Bool {
        try await command(.resume(keys, paused: name), doing: "resuming \(name)")
    }
}

extension WorkflowRun {
    /// Pauses the run: see ``StepwiseClient/pause(_:reason:)``.
    @discardableResult
    public func pause(reason: String = "a client asked for it") async throws -> Bool {
        try await source.pause(id, reason: reason)
    }

    /// Lets the run go on: see ``StepwiseClient/resume(_:from:)``.
    public func resume() async throws { try await source.resume(id, from: nil) }
}
