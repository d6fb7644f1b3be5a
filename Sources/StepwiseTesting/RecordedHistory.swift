import Foundation
public import Stepwise

/// A run's history as it was recorded, to be kept in a repository and replayed by a test: see ``ReplayCheck``.
///
/// It is what `stepwise history <run> --json` prints.
public struct RecordedHistory: Sendable {
    /// The run's id.
    public let run: String
    /// The name of its workflow.
    public let workflow: String
    let payload: [UInt8]
    let outcomes: [Outcome]
    let patches: [String: Int]
    /// When the run was created, and how often it had begun anew: what its random numbers come from.
    let created: Int
    let continued: Int
    /// Up to which outcome the run was taken.
    let delivered: Int
    /// How many calls were opened, and which steps were open; nothing of a run that had ended.
    let opened: Int
    let open: [String]

    /// Of a run that was under way only the outcomes are compared: what `stepwise history` prints has its open steps as well.
    ///
    /// - Parameters:
    ///   - run: how the run stood when the history was read.
    ///   - steps: its outcomes, in their order.
    public init(run: RunDetails, steps: [RecordedStep]) {
        self.init(run: run, steps: steps, delivered: steps.isEmpty ? -1 : steps.count, opened: 0, open: [])
    }

    /// - Parameter open: the steps that were open.
    package init(run: RunRecord, steps: [RecordedStep], open: [String]) {
        self.init(
            run: run.details, steps: steps, delivered: run.delivered ?? -1, opened: run.opened ?? 0, open: open)
    }

    private init(run: RunDetails, steps: [RecordedStep], delivered: Int, opened: Int, open: [String]) {
        self.run = run.id
        workflow = run.workflow
        payload = Array(run.payload.utf8)
        outcomes = steps.map(\.outcome)
        patches = run.patches
        (created, continued) = (run.created?.wholeMilliseconds ?? 0, run.continued)
        let isOver = run.status.isEnded || run.status == .ending
        self.delivered = isOver ? .max : delivered
        self.opened = isOver ? 0 : opened
        self.open = isOver ? [] : open
    }

    /// - Parameter json: what `stepwise history <run> --json` printed.
    /// - Throws: ``HistoryUnreadable``, saying what is missing.
    public init(json: String) throws {
        let bytes = Array(json.utf8)
        if let problem = JSON.problem(with: bytes) { throw HistoryUnreadable(description: "the history is \(problem)") }
        guard let members = JSONMembers(bytes), let run = members.string("run"),
            let workflow = members.string("workflow"), let payload = members.values["payload"],
            let steps = members.values["steps"]
        else {
            throw HistoryUnreadable(
                description:
                    "the history lacks run, workflow, payload or steps: write it with `stepwise history <run> --json`")
        }
        self.run = run
        self.workflow = workflow
        self.payload = payload
        outcomes = try jsonElements(steps).map(Self.outcome)
        patches = members.values["patches"].map { PatchMarks.read($0) } ?? [:]
        (created, continued) = (members.integer("created") ?? 0, members.integer("continued") ?? 0)
        let status = RunStatus(rawValue: members.string("status") ?? "")
        let isOver = status.isEnded || status == .ending
        delivered = isOver ? .max : members.integer("delivered") ?? outcomes.count
        opened = isOver ? 0 : members.integer("opened") ?? 0
        open =
            isOver ? [] : members.values["open"].flatMap { try? JSON.decode([String].self, from: $0, what: "") } ?? []
    }

    /// - Parameter path: of a file with what `stepwise history <run> --json` printed.
    public init(contentsOfFile path: String) throws {
        try self.init(json: String(contentsOfFile: path, encoding: .utf8))
    }

    /// Every `.json` file of a folder, in the order of their names.
    public static func all(inFolder path: String) throws -> [RecordedHistory] {
        try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".json") }.sorted()
            .map { try RecordedHistory(contentsOfFile: path + "/" + $0) }
    }

    private static func outcome(_ bytes: [UInt8]) throws -> Outcome {
        guard let members = JSONMembers(bytes), let step = members.string("step") else {
            throw HistoryUnreadable(description: "a step of the history has no name: \(JSON.excerpt(bytes))")
        }
        func member(_ name: String) -> [UInt8]? { members.values[name].flatMap { $0 == JSON.null ? nil : $0 } }
        let key = member("key").map { String(decoding: $0, as: UTF8.self) }
        if let reason = members.string("cancel") { return Outcome(step: step, result: .cancel(reason)) }
        guard let error = member("error"), let words = JSONMembers(error) else {
            return Outcome(
                step: step, result: .value(members.values["value"] ?? JSON.null), key: key, kind: members.string("kind")
            )
        }
        let failure = StepFailure(
            step: step, attempts: members.integer("attempts") ?? 1, type: words.string("type") ?? "",
            message: words.string("message") ?? "",
            cause: words.string("cause").map { .init(rawValue: $0) } ?? .failed, child: words.string("child"),
            value: words.values["value"].flatMap { $0 == JSON.null ? nil : String(decoding: $0, as: UTF8.self) })
        return Outcome(step: step, result: .error(failure), key: key, kind: members.string("kind"))
    }
}

/// A file or text that is not a recorded history.
public struct HistoryUnreadable: Error, Sendable, CustomStringConvertible {
    public let description: String
}
