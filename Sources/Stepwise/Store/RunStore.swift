internal import StepwiseRedis

/// The transitions of runs, as one worker makes them. Each is one script; each may be sent twice.
struct RunStore: Sendable {
    let keys: Keys
    let worker: String
    /// How many bytes a run's outcomes may take.
    let maximumRunSize: Int
    /// Sends a script until an answer came, or throws because the worker's name, or the claim that the last argument names, is done for.
    let evaluate:
        nonisolated(nonsending) @Sendable (RedisScript, [String], [RedisArgument], String?) async throws -> RedisValue

    /// A run as work items and scripts name it.
    struct Run: Sendable {
        let id: String
        let generation: String
        let queue: String
        /// The id and the generation: which life of an id that may be used again.
        let key: String
        let turnText: String
        /// What every step is written to.
        let runKey: String
        let stepsKey: String
        let openKey: String
        let joinKey: String

        static func key(_ id: String, _ generation: String) -> String { id + " " + generation }

        init(id: String, generation: String, queue: String, keys: Keys) {
            (self.id, self.generation, self.queue) = (id, generation, queue)
            key = Self.key(id, generation)
            turnText = WorkItem.turnText(run: id, generation: generation)
            (runKey, stepsKey, openKey, joinKey) = (keys.run(id), keys.steps(id), keys.open(id), keys.join(id))
        }
    }

    /// Makes a call and reads its reply.
    ///
    /// - Parameter claim: the text of the claimed step or turn that it is for, if nothing is to be written once that is given up.
    nonisolated(nonsending) func send<Reply>(_ call: ScriptCall<Reply>, for claim: String? = nil) async throws -> Reply
    {
        try call.reply(try await evaluate(call.script.redis, call.keys, call.arguments, claim))
    }

    /// What comes of a run when its function is done.
    enum Ending: String, Sendable {
        case completed
        case failed
        case cancelled
        /// It begins anew.
        case continued
    }

    /// What a turn's holder asks for, in both of its scripts.
    struct Advance: Sendable {
        var number: Int
        var upto: Int
        var slots: Int
        var plan: Plan
        /// The run's end, if the function has returned or thrown, or wants the run to begin anew.
        var ending: (status: Ending, json: [UInt8])?
        /// The queue of the run that waits for this one's end.
        var parentQueue: String?
    }

    /// What a body's end writes.
    struct Record: Sendable {
        var step: String
        var key: String?
        var attempt: Int
        var result: Outcome.Result
        var took: Int
        var token: String
        var kind: String?
        var child: String?

        var head: RedisArgument {
            .init(
                OutcomeRecord.head(
                    step: step, kind: kind, child: child, key: key, attempts: attempt, took: took, claim: token))
        }
        var tail: RedisArgument { .init(OutcomeRecord.tail(result)) }
    }

    /// What a failed attempt leaves, and when the next may begin.
    struct Again: Sendable {
        var failedAttempt: Int
        /// In milliseconds.
        var delay: Int
        /// In milliseconds after the first attempt's begin; `nil`: no end.
        var maximumElapsed: Int?
        /// How many attempts the step may have; `nil`: no limit.
        var maximumAttempts: Int?
        var took: Int
        /// See ``FailedAttempt/note(attempt:error:worker:took:)``.
        var note: String
    }
}

extension RunStore.Advance {
    /// Whether the run completes, and leaves nothing that something has to be done about.
    var isPlainEnd: Bool {
        ending?.status == .completed && parentQueue == nil && plan.isOnlyAnEnd
    }

    /// The step that is opened, if that is all that is asked for, and it has nothing to tell.
    var plainOpening: Plan.Opening? { ending == nil ? plan.onlyPlainOpening : nil }
}
