internal import StepwiseRedis

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A field of `run:<id>` that is read by itself.
enum RunField: String, Sendable {
    case workflow, status, queue, generation, payload, created, began, ended, labels, deadline, startsAt, continued
    case recorded, turn, delivered, opened, inline, patches, divergence, unfit
    case output, error, reason, warning, cancelled, ending, origin, restarted, parent, parentQueue

    fileprivate var argument: RedisArgument { .init(rawValue) }
}

/// Some fields of a run. All are absent of a run that is not there.
struct RunFields: Sendable {
    private let names: [RunField]
    private let values: [RedisValue]

    fileprivate init(_ names: [RunField], _ reply: RedisValue) {
        self.names = names
        let values = reply.array ?? []
        self.values = values.count == names.count ? values : []
    }

    /// - Parameter field: one of those that were asked for.
    private func value(_ field: RunField) -> RedisValue {
        guard let index = names.firstIndex(of: field) else {
            assertionFailure("field \(field) was not asked for")
            return .null
        }
        return index < values.count ? values[index] : .null
    }

    func text(_ field: RunField) -> String? { value(field).string }
    func integer(_ field: RunField) -> Int? { value(field).integer }
    func bytes(_ field: RunField) -> [UInt8]? { value(field).bytes }
    func date(_ field: RunField) -> Date? { Date(milliseconds: integer(field)) }
    var status: RunStatus? { text(.status).map { RunStatus(rawValue: $0) } }
    var parent: ParentStep? { text(.parent).flatMap { ParentStep($0) } }
    /// The versions of the workflow that could not replay the run.
    var incompatibleVersions: [String] { text(.unfit)?.split(separator: " ").map(String.init) ?? [] }
}

extension StoreCommand<RunFields> {
    static func run(_ keys: Keys, _ id: String, _ fields: RunField...) -> Self { run(keys, id, fields) }

    static func run(_ keys: Keys, _ id: String, _ fields: [RunField]) -> Self {
        Self(["HMGET", .init(keys.run(id))] + fields.map(\.argument)) { RunFields(fields, $0) }
    }
}

extension StoreCommand<Bool> {
    static func runExists(_ keys: Keys, _ id: String) -> Self { Self(asking: ["EXISTS", .init(keys.run(id))]) }

    /// Whether a step is written among the run's open ones.
    static func isWritten(_ keys: Keys, openOf id: String, _ step: String) -> Self {
        Self(asking: ["HEXISTS", .init(keys.open(id)), .init(step)])
    }
}

extension StoreCommand<Int> {
    /// How many open steps of a run are written.
    static func writtenSteps(_ keys: Keys, of id: String) -> Self { Self(counting: ["HLEN", .init(keys.open(id))]) }
}

extension StoreCommand<OpenStep?> {
    static func openStep(_ keys: Keys, of id: String, _ step: String) -> Self {
        Self(["HGET", .init(keys.open(id)), .init(step)]) { $0.string.flatMap { OpenStep($0) } }
    }
}

extension StoreCommand<[Bool]> {
    /// Which of some steps are written among the run's open ones.
    static func areWritten(_ keys: Keys, openOf id: String, _ steps: some Sequence<String>) -> Self {
        Self(["HMGET", .init(keys.open(id))] + steps.map { .init($0) }) { $0.array?.map { $0.string != nil } ?? [] }
    }
}

extension StoreCommand<Page<(step: String, state: OpenStep?)>> {
    /// A page of about 1,000 of a run's open steps, or about as many as `count` says.
    static func openSteps(_ keys: Keys, of id: String, after cursor: String, count: Int = 1000) -> Self {
        Self(["HSCAN", .init(keys.open(id)), .init(cursor), "COUNT", .init(count)]) { reply in
            Page(reply, pairs: { step, text in step.string.map { ($0, text.string.flatMap { OpenStep($0) }) } })
        }
    }
}

/// An open step of a run that is ending, as its mover names it to the store.
struct Leftover: Sendable, Hashable {
    /// As it is written: what somebody else has written here ends, too.
    var step: [UInt8]
    /// The event that it waits for.
    var event: String?
}

extension StoreCommand<Page<Leftover>> {
    /// A page of what is left of a run that is ending. It may have more than `count`, or fewer.
    static func leftovers(_ keys: Keys, of id: String, after cursor: String, count: Int) -> Self {
        Self(["HSCAN", .init(keys.open(id)), .init(cursor), "COUNT", .init(count)]) { reply in
            Page(
                reply,
                pairs: { step, text in
                    step.bytes.map { Leftover(step: $0, event: text.string.flatMap { OpenStep($0)?.event?.name }) }
                })
        }
    }
}

/// Whether claimed steps are still open at their attempt, in this generation of their run, and moved by a work item: two questions in one
/// write, no script.
struct OpenCheck: Sendable {
    let run: RunStore.Run
    let steps: [(step: String, attempt: Int)]
    /// Whether a step counts also while its run is paused.
    let evenIfPaused: Bool

    private var commands: [[RedisArgument]] {
        [
            ["HMGET", .init(run.runKey), "generation", "status"],
            ["HMGET", .init(run.openKey)] + steps.map { .init($0.step) },
        ]
    }

    /// - Returns: each step that is; `nil` for one that is not.
    private func read(_ replies: [RedisValue]) -> [OpenStep?] {
        guard replies.count == 2, let now = replies[0].array, now.count == 2, now[0].string == run.generation,
            let status = now[1].string, status != RunStatus.ending.rawValue,
            evenIfPaused || status != RunStatus.paused.rawValue,
            let states = replies[1].array, states.count == steps.count
        else { return steps.map { _ in nil } }
        return zip(states, steps).map { state, step in
            guard let open = state.string.flatMap({ OpenStep($0) }), open.attempt == step.attempt, open.place == "item"
            else { return nil }
            return open
        }
    }

    nonisolated(nonsending) func send(over client: RedisClient) async throws(RedisError) -> [OpenStep?] {
        var replies: [RedisValue] = []
        for reply in try await client.pipeline(commands) { replies.append(try reply.get()) }
        return read(replies)
    }

    /// Without a wait.
    ///
    /// - Parameter body: called once, on the event loop. Without an answer no step is known to be open.
    func send(over client: RedisClient, _ body: @escaping @Sendable ([OpenStep?]) -> Void) {
        client.pipeline(commands) { replies in body(read(replies.compactMap { try? $0.get() })) }
    }
}
