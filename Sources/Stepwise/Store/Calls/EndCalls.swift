internal import StepwiseRedis

// How the end of a run with many open steps is written, once it is decided.

extension ScriptLibrary {
    static let endPage = Script(
        "end_page", PackageResources.end_page_lua,
        keys: [
            "run", "open", "claimed", "queue", "delayed", "mail", "steps", "join", "parent_queue", "ending",
            "completed", "failed", "cancelled", "running", "dead", "events...",
        ], arguments: ["id", "generation", "text", "queue", "steps..."])
}

/// How much of a run's end one script writes.
package enum EndPage {
    /// How many open steps a script may end: a run with more is ``RunStatus/ending`` first. `END_PAGE` in run.lua.
    package static let maximumSteps = 1000
    /// How many its mover asks for.
    static let size = 500
}

/// The answer to `end_page`.
enum EndPageReply: Sendable, Hashable {
    case more
    case ended(RunStatus)
    /// The next generation has begun.
    case continued
    /// There is nothing to end any more, or another worker ends it.
    case over
}

extension RunStore {
    /// Ends a page of an ending run's open steps, and the run with the last of them.
    ///
    /// - Parameters:
    ///   - steps: at most ``EndPage/maximumSteps``.
    ///   - parentQueue: the queue of the run that waits for this one's end.
    func endPage(_ run: Run, text: String, _ steps: [Leftover], parentQueue: String?) async throws -> EndPageReply {
        var runKeys = [
            run.runKey, run.openKey, keys.claimed(worker, run.queue), keys.queue(run.queue), keys.delayed,
            keys.mail(run.id), run.stepsKey, run.joinKey, keys.queue(parentQueue ?? run.queue), keys.runs(.ending),
            keys.runs(.completed), keys.runs(.failed), keys.runs(.cancelled), keys.runs(.running), keys.dead,
        ]
        var places: [String: Int] = [:]
        var arguments: [RedisArgument] = [.init(run.id), .init(run.generation), .init(text), .init(run.queue)]
        for leftover in steps {
            arguments.append(.init(leftover.step))
            guard let event = leftover.event else {
                arguments.append("")
                continue
            }
            if places[event] == nil {
                runKeys.append(keys.event(event))
                // As Lua counts.
                places[event] = runKeys.count
            }
            arguments.append(.init(places[event] ?? 0))
        }
        return try await send(
            ScriptCall(ScriptLibrary.endPage, keys: runKeys, arguments: arguments) { reader in
                switch reader.word {
                case "more": .more
                case "ended": .ended(RunStatus(rawValue: try reader.text(1)))
                case "continued": .continued
                case "obsolete", "stale": .over
                default: throw reader.unexpected
                }
            }, for: text)
    }
}
