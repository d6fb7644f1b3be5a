extension StepwiseClient {
    /// Why a run moves, waits, is stuck or has ended, and what can be done about it.
    ///
    /// It only reads: at most 60 Redis commands, and two more for each child, of which it looks at 20, however long the queues are.
    ///
    /// - Parameter id: a run's id. One that never became a run is looked for among what was pushed, and among what events wait for.
    /// - Returns: all causes, the worst first. The verdict is `unknown` if what was looked at does not tell.
    /// - Throws: ``StepwiseError``: `invalidIdentifier` if this cannot be a run's id, `otherDataFormat`, or one of the `redis…` codes.
    public func explain(_ id: String) async throws -> Explanation {
        try Identifier.check(id, what: "run id")
        var reader = PictureReader(self, id)
        return Explanation(try await reader.read(), keys: keys)
    }
}

extension WorkflowRun {
    /// Why the run moves, waits, is stuck or has ended: see ``StepwiseClient/explain(_:)``.
    public func explain() async throws -> Explanation { try await source.explain(id) }
}

extension Explanation {
    /// What an error says that kept everything from being read.
    ///
    /// - Returns: `nil` for an error that is not one of Redis or of the data's format.
    package init?(of run: String, unreadable error: StepwiseError, keys: Keys) {
        let cause: Cause
        switch error.code {
        case .otherDataFormat: cause = .newerFormat
        case .redisDenied: cause = .redisDenied
        // Redis answers; the error says which key is of another type.
        case .redisRefused where error.message.contains(": WRONGTYPE "): return nil
        case .redisUnavailable, .redisAmbiguous, .redisRefused:
            let words: [(String, Cause)] = [
                ("LOADING", .redisLoading), ("READONLY", .redisReadOnly), ("OOM", .redisFull),
            ]
            cause = words.first { Self.isReply(error.message, $0.0) }?.1 ?? .redisUnreachable
        default: return nil
        }
        var facts = Facts()
        facts.add("reason", text: error.message)
        facts.hide("advice", "do what the message says")
        let found = Found(cause, .unknown, facts)
        self.init(
            run: run, workflow: nil, status: nil, verdict: found.verdict, cause: cause, sentence: found.sentence,
            since: nil, until: nil, facts: facts.list, also: [], workers: [],
            next: Wording.remedies(cause).compactMap { $0.action(facts, keys) },
            evidence: [Evidence(command: keys.redisCommand("PING"), shows: "whether Redis answers")], children: [],
            at: nil)
    }

    /// Whether an error's text has, behind what was being done, a reply of Redis with a code. In a name such a word may stand, too.
    private static func isReply(_ message: String, _ code: String) -> Bool {
        message.hasPrefix("\(code) ") || [": \(code) ", ": -\(code) "].contains { message.contains($0) }
    }
}
