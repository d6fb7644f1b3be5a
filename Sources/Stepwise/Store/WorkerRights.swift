package import StepwiseRedis

/// What Redis must allow a worker's user, tried before the worker has a name there: a script that meets a forbidden command in its middle is not
/// rolled back, and a run would be lost.
package enum WorkerRights {
    /// What a worker sends that Redis executes in no script, and how an ACL calls it. Redis refuses each of them for its arguments, but for the
    /// first, once it has looked at what the user may.
    package static func plainCommands(_ keys: Keys) -> [(rule: String, command: [RedisArgument])] {
        [
            ("client|id", ["CLIENT", "ID"]),
            ("client|setname", ["CLIENT", "SETNAME", "a space"]),
            // Not 0: before version 7, Redis would take that for no condition, and end every connection.
            ("client|kill", ["CLIENT", "KILL", "ID", "none"]),
            ("blmove", ["BLMOVE", .init(keys.scratch), .init(keys.scratch), "RIGHT", "LEFT", "-1"]),
        ]
    }

    /// What a connection does without, where the server does not have it.
    private static let dispensable = ["client|id", "client|setname", "client|kill", "info", "ping"]

    /// Tries everything, and gives all scripts to the server. A replica, which takes no writes, is left alone.
    ///
    /// - Throws: ``StepwiseError`` with code `redisDenied`, which names everything that is missing, or says that it could not try what scripts
    ///   call; `unsupportedRedis` for commands that the server does not have; or another of the `redis…` codes.
    static func check(
        _ client: RedisClient, keys: Keys, queues: [String], redis: RedisEndpoint
    ) async throws(StepwiseError) {
        var findings = Findings()
        do {
            let plain = plainCommands(keys)
            let answers = try await client.pipeline(plain.map(\.command))
            // Nobody is there, or nobody who lets this user in.
            if case .failure(let error) = answers[0], client.session == nil || !error.isOfCommand { throw error }
            for (command, answer) in zip(plain, answers) { findings.note(command.rule, answer) }
            if client.session?.role == "slave" { return }
            for answer in try await client.load(ScriptLibrary.all.map(\.redis)) {
                if case .failure(let error) = answer, !error.isOfCommand { throw error }
                findings.note("script|load", answer)
            }
            try await tryCommands(client, keys, queues, &findings)
        } catch let error as RedisError {
            throw StepwiseError(error, doing: "trying what the worker's user may do", at: redis)
        } catch {
            throw StepwiseError(.redisRefused, "\(error)")
        }
        if !findings.missing.isEmpty { throw denied(findings, redis) }
        let unknown = findings.unknown.filter { !dispensable.contains($0) }
        if !unknown.isEmpty {
            throw StepwiseError(
                .unsupportedRedis,
                "redis at \(redis) does not know what a worker needs: \(unknown.joined(separator: ", ")); Stepwise needs "
                    + "version 6.2 or later, with none of these commands renamed: upgrade the server, or look at its rename-command"
            )
        }
    }

    private static func denied(_ findings: Findings, _ redis: RedisEndpoint) -> StepwiseError {
        let user = redis.address.username ?? "default"
        let missing = findings.missing.joined(separator: " ")
        let rest =
            findings.areComplete
            ? ""
            : " Without it the worker could not try the commands that scripts call: more may be missing, and the next start names it."
        return StepwiseError(
            .redisDenied,
            "redis at \(redis) does not allow user \"\(user)\" what a worker needs, and so nothing was claimed. Missing: "
                + "\(missing).\(rest) Add it with ACL SETUSER \(user) \(missing); the guide \"Permissions\" has the whole line for a "
                + "worker")
    }

    /// Calls the script; if the user may not write all of its keys, it says which, and tries the commands without them.
    private static func tryCommands(
        _ client: RedisClient, _ keys: Keys, _ queues: [String], _ findings: inout Findings
    ) async throws {
        var kinds = keys.kinds(queues: queues)
        do {
            return try await call(client, keys, kinds, &findings)
        } catch let error as RedisError where error.kind == .denied {
            let asked = [keys.scratch] + kinds
            let replies = try await client.pipeline([mayCall()] + asked.map { mayCall($0) })
            if case .failure(let error) = replies[0], error.kind == .denied {
                findings.missing.append("+evalsha")
                findings.areComplete = false
                return
            }
            let refused = zip(asked, replies.dropFirst()).compactMap { key, reply -> String? in
                if case .failure(let error) = reply, error.kind == .denied { key } else { nil }
            }
            findings.missing += refused.map { "~\($0)" }
            // Without a right to load it, the script may be missing; that is known by now.
            if refused.isEmpty && findings.missing.isEmpty { throw error }
            if refused.isEmpty || refused.contains(keys.scratch) {
                findings.areComplete = false
                return
            }
            kinds.removeAll { refused.contains($0) }
        } catch let error as RedisError where error.isUnknownCommand {
            // Of the two by which a script comes to be executed, the other is tried before.
            if !findings.unknown.contains("script|load") { findings.unknown.append("evalsha") }
            return
        }
        try await call(client, keys, kinds, &findings)
    }

    private static func call(
        _ client: RedisClient, _ keys: Keys, _ kinds: [String], _ findings: inout Findings
    ) async throws {
        let call = ScriptCall.tryCommands(keys, kinds: kinds)
        let reply = try await client.evaluate(call.script.redis, keys: call.keys, arguments: call.arguments)
        for (command, text) in try call.reply(reply) {
            let error = RedisError(reply: text)
            if command == "PUBLISH", error.kind == .denied, text.contains("channel") {
                findings.missing.append("&\(keys.ended("*"))")
            } else {
                findings.note(command.lowercased(), Result<Void, RedisError>.failure(error))
            }
        }
    }

    /// Whether scripts may be called with a key: of a script that no server has, so that nothing is executed.
    private static func mayCall(_ keys: String...) -> [RedisArgument] {
        ["EVALSHA", .init(String(repeating: "0", count: 40)), .init(keys.count)] + keys.map { .init($0) }
    }

    private struct Findings {
        /// Rules that the user's line lacks.
        var missing: [String] = []
        /// Commands that the server does not have, as an ACL would call them.
        var unknown: [String] = []
        /// Whether all was tried.
        var areComplete = true

        mutating func note<Reply>(_ rule: String, _ reply: Result<Reply, RedisError>) {
            guard case .failure(let error) = reply else { return }
            // A key is asked for by itself.
            let isKey = error.message.contains("permissions to access ")
            if error.kind == .denied, !isKey, !missing.contains("+\(rule)") { missing.append("+\(rule)") }
            if error.isUnknownCommand, !unknown.contains(rule) { unknown.append(rule) }
        }
    }
}

extension RedisError {
    /// Whether the server has answered, and has something against the command.
    fileprivate var isOfCommand: Bool { kind == .denied || kind == .refused }
}
