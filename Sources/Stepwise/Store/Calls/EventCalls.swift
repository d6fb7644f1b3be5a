internal import StepwiseRedis

// How events reach runs, and the steps that wait for them.

extension ScriptLibrary {
    static let notify = Script(
        "notify", PackageResources.notify_lua, after: delivering,
        keys: [
            "run", "steps", "open", "join", "queue", "delayed", "mail", "event", "meta", "seen", "expected",
            "accepting", "expected_pushed", "pushed_queues",
        ],
        arguments: [
            "id", "name", "value", "event_id", "text", "sender", "max_bytes", "max_messages", "queue", "max_waiting",
            "max_expected", "inbox",
        ])
    static let broadcast = Script(
        "broadcast", PackageResources.broadcast_lua,
        keys: ["queue", "kept", "seen", "accepting", "claimed", "event", "keeping"],
        arguments: ["name", "value", "keep", "id", "item", "max_keeping"])
    static let deliver = Script(
        "deliver", PackageResources.deliver_lua, after: delivering,
        keys: ["run", "steps", "open", "join", "queue", "delayed", "mail", "event", "meta", "claimed"],
        arguments: ["id", "name", "value", "generation", "step", "text", "worker", "max_bytes", "queue"])
    static let withdraw = Script(
        "withdraw", PackageResources.withdraw_lua, keys: ["claimed", "mail", "event"],
        arguments: ["text", "id", "generation", "number", "name", "step", "queue"])
    static let callback = Script(
        "callback", PackageResources.callback_lua, keys: ["run", "mail"], arguments: ["event", "generation"])
    static let extend = Script(
        "extend", PackageResources.extend_lua, keys: ["run", "open", "mail", "delayed"],
        arguments: ["id", "name", "duration"])
    static let purgeMail = Script(
        "purge_mail", PackageResources.purge_mail_lua, keys: ["expected", "list", "runs..."],
        arguments: ["age", "ids..."])
}

extension ScriptCall<ReplyReader> {
    /// An event goes to one run.
    ///
    /// - Parameters:
    ///   - claim: the pushed item that asks for it; `nil` for a client or a step.
    ///   - mostExpected: for how many runs that do not exist events that were pushed to one queue may wait.
    static func notify(
        _ keys: Keys, _ message: EventMessage, to run: String, queue: String, claim: PushedClaim?,
        sender: String, maximumRunSize: Int, mostExpected: Int
    ) -> Self {
        Self(
            ScriptLibrary.notify,
            keys: [
                keys.run(run), keys.steps(run), keys.open(run), keys.join(run), keys.queue(queue), keys.delayed,
                keys.mail(run), keys.event(message.event), keys.meta, keys.seen(run), keys.expected,
                claim.map { keys.accepting($0.worker, $0.queue) } ?? keys.queue(queue),
                claim.map { keys.expectedPushed($0.queue) } ?? keys.queue(queue), keys.pushedQueues,
            ],
            arguments: [
                .init(run), .init(message.event), .init(message.value), .init(message.id ?? ""),
                .init(claim?.item ?? []), .init(sender), .init(maximumRunSize), .init(EventMessage.mostMessages),
                .init(queue), .init(EventMessage.mostWaitingBytes), .init(mostExpected), .init(claim?.queue ?? ""),
            ])
    }

    /// A callback will still be answered.
    ///
    /// - Parameter duration: for how many milliseconds from now on it is waited for.
    static func extend(_ keys: Keys, _ run: String, event: String, duration: Int) -> Self {
        Self(
            ScriptLibrary.extend,
            keys: [keys.run(run), keys.open(run), keys.mail(run), keys.delayed],
            arguments: [.init(run), .init(event), .init(duration)])
    }
}

extension ScriptCall<EventMessage.Broadcast> {
    /// An event goes to everybody who waits for it.
    ///
    /// - Parameter mostKept: how many names may have a pushed event that is kept.
    static func broadcast(
        _ keys: Keys, _ message: EventMessage, queue: String, keep: Int?, sender: String?, claim: PushedClaim?,
        mostKept: Int
    ) -> Self {
        Self(
            ScriptLibrary.broadcast,
            keys: [
                keys.queue(queue), keys.kept(message.event), sender.map(keys.seen) ?? keys.expected,
                claim.map { keys.accepting($0.worker, $0.queue) } ?? keys.queue(queue),
                claim.map { keys.claimed($0.worker, $0.queue) } ?? keys.queue(queue), keys.event(message.event),
                keys.keeping,
            ],
            arguments: [
                .init(message.event), .init(message.value), .init(keep.map { String(max(1, $0)) } ?? ""),
                .init(message.id ?? ""), .init(claim?.item ?? []), .init(mostKept),
            ]
        ) { reader in
            switch reader.word {
            case "sent": .sent(text: try reader.text(1))
            case "kept": .keptAlready
            case "crowded": .tooManyKept(try reader.share())
            case "seen", "stale": .nothing
            default: throw reader.unexpected
            }
        }
    }
}

extension ScriptCall<Int> {
    /// Removes what was sent to runs that were never made, at most 100, and entries of runs that were. The reply says how many left the list.
    ///
    /// - Parameters:
    ///   - list: `expected`, or `expected:pushed:<queue>`.
    ///   - age: how many milliseconds ago the last event was sent; `nil`: nothing that was sent leaves.
    static func purgeMail(_ keys: Keys, _ list: String, _ ids: [String], age: Int?) -> Self {
        Self(
            ScriptLibrary.purgeMail,
            keys: [keys.expected, list] + ids.flatMap { [keys.run($0), keys.mail($0), keys.seen($0)] },
            arguments: [.init(age.map(String.init) ?? "")] + ids.map { .init($0) }
        ) { $0.reply.integer ?? 0 }
    }
}

extension RunStore {
    /// A callback is made: who answers it is known by its token.
    ///
    /// - Parameter text: of the step's claim, or of the turn's.
    func expectAnswer(_ token: CallbackToken, _ run: Run, text: String) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.callback, keys: [run.runKey, keys.mail(run.id)],
                arguments: [.init(EventName.stored(token.event)), .init(run.generation)]), for: text)
    }

    /// An event that was sent to everybody reaches one step.
    ///
    /// - Returns: whether the claim is still this worker's.
    func deliver(
        _ run: Run, step: String, _ message: EventMessage, claim: (list: String, text: String)
    ) async throws -> Bool {
        try await send(
            ScriptCall(
                ScriptLibrary.deliver,
                keys: [
                    run.runKey, run.stepsKey, run.openKey, run.joinKey, keys.queue(run.queue), keys.delayed,
                    keys.mail(run.id), keys.event(message.event), keys.meta, claim.list,
                ],
                arguments: [
                    .init(run.id), .init(message.event), .init(message.value), .init(run.generation), .init(step),
                    .init(claim.text), .init(worker), .init(maximumRunSize), .init(run.queue),
                ]
            ) { $0.word != "stale" })
    }

    /// A step no longer waits for an event.
    func withdraw(_ run: Run, text: String, number: Int, event: String, step: String) async throws {
        try await send(
            ScriptCall<Void>(
                ScriptLibrary.withdraw,
                keys: [keys.claimed(worker, run.queue), keys.mail(run.id), keys.event(event)],
                arguments: [
                    .init(text), .init(run.id), .init(run.generation), .init(number), .init(event), .init(step),
                    .init(run.queue),
                ]))
    }
}
