package import NIOCore

extension RedisClient {
    /// Executes a script by its SHA-1, and sends its source where the server does not know it.
    /// - Parameters:
    ///   - timeout: from now to the reply, the loading included; `nil`: the client's.
    ///   - maximumBulk: as for ``submit(_:timeout:maximumBulk:)``.
    /// - Returns: as ``submit(_:timeout:maximumBulk:)``.
    package func submit(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument],
        timeout: TimeAmount? = nil,
        maximumBulk: Int? = nil
    ) -> EventLoopFuture<RedisValue> {
        let call = ScriptCall(
            script: script, keys: keys, arguments: arguments, within: timeout ?? commandTimeout,
            maximumBulk: maximumBulk)
        return submit(call.command, timeout: call.remaining, maximumBulk: maximumBulk).flatMapError { error in
            guard let error = error as? RedisError else { return self.eventLoop.makeFailedFuture(error) }
            return error.isUnknownScript
                ? self.loadAndSubmit(call) : self.eventLoop.makeFailedFuture(error.naming(script))
        }
    }

    /// Executes a script many times, in one write; where the server does not know it, those calls once more, after its source.
    /// - Returns: a reply or an error for each call, in order.
    /// - Throws: ``RedisError`` of kind `cancelled` only.
    nonisolated(nonsending) package func evaluate(
        _ script: RedisScript, calls: [(keys: [String], arguments: [RedisArgument])]
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        if calls.isEmpty { return [] }
        let calls = calls.map {
            ScriptCall(script: script, keys: $0.keys, arguments: $0.arguments, within: commandTimeout)
        }
        var replies = try await pipeline(calls.map(\.command))
        let unknown = replies.indices.filter {
            if case .failure(let error) = replies[$0] { error.isUnknownScript } else { false }
        }
        for index in replies.indices {
            if case .failure(let error) = replies[index] { replies[index] = .failure(error.naming(script)) }
        }
        if unknown.isEmpty { return replies }
        let again: [Result<RedisValue, RedisError>]
        do throws(RedisError) {
            try await load(script, timeout: commandTimeout)
            again = try await pipeline(unknown.map { calls[$0].command })
        } catch {
            if error.kind == .cancelled { throw error }
            again = Array(repeating: .failure(error), count: unknown.count)
        }
        for (index, reply) in zip(unknown, again) { replies[index] = reply }
        return replies
    }

    /// Gives scripts to the server, so that clients which may not can call them.
    /// - Returns: the server's answer to each, in order.
    /// - Throws: ``RedisError`` of kind `cancelled` only.
    nonisolated(nonsending) package func load(_ scripts: [RedisScript])
        async throws(RedisError) -> [Result<RedisValue, RedisError>]
    {
        var replies: [Result<RedisValue, RedisError>] = []
        // A few in one write: on a slow line each write has its own time.
        for start in stride(from: 0, to: scripts.count, by: 8) {
            let some = scripts[start..<min(start + 8, scripts.count)]
            let answers = try await pipeline(some.map(\.loading))
            for (script, answer) in zip(some, answers) {
                if case .success(let sha) = answer, let sha = sha.string { script.sha = sha }
            }
            replies += answers
        }
        return replies
    }

    /// Executes a script by its SHA-1, without a wait, and sends its source where the server does not know it.
    ///
    /// - Parameter body: called once, on the event loop, with the reply.
    package func send(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument],
        _ body: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void
    ) {
        let call = ScriptCall(script: script, keys: keys, arguments: arguments, within: commandTimeout)
        let command = RedisCommand(call.command, timeout: commandTimeout, deadline: call.deadline)
        command.onCompletion { [self] reply in
            guard case .failure(let error) = reply else { return body(reply) }
            if error.isUnknownScript { load(call, body) } else { body(.failure(error.naming(script))) }
        }
        hand(over: CollectionOfOne(command))
    }

    private func load(_ call: ScriptCall, _ body: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void) {
        loadAndSubmit(call).whenComplete { reply in
            body(reply.mapError { $0 as? RedisError ?? RedisError(.unavailable, "\($0)") })
        }
    }

    private func loadAndSubmit(_ call: ScriptCall) -> EventLoopFuture<RedisValue> {
        submit(call.script.loading, timeout: call.remaining)
            .flatMapErrorThrowing { error in throw (error as? RedisError)?.loading(call.script) ?? error }
            .flatMap { _ in self.submit(call.command, timeout: call.remaining, maximumBulk: call.maximumBulk) }
            .flatMapErrorThrowing { error in throw (error as? RedisError)?.naming(call.script) ?? error }
    }

    nonisolated(nonsending) private func load(
        _ script: RedisScript, timeout: TimeAmount, passesGate: Bool = false
    ) async throws(RedisError) {
        do throws(RedisError) { _ = try await send(script.loading, timeout: timeout, passesGate: passesGate) } catch {
            throw error.loading(script)
        }
    }

    /// Executes a script by its SHA-1, and sends its source where the server does not know it.
    /// - Parameters:
    ///   - timeout: from now to the reply, the loading included; `nil`: the client's.
    ///   - maximumBulk: as for ``submit(_:timeout:maximumBulk:)``.
    ///   - passesGate: as for ``send(_:timeout:maximumBulk:passesGate:)``, the loading included.
    /// - Returns: as ``send(_:timeout:maximumBulk:passesGate:)``.
    nonisolated(nonsending) package func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument],
        timeout: TimeAmount? = nil,
        maximumBulk: Int? = nil,
        passesGate: Bool = false
    ) async throws(RedisError) -> RedisValue {
        let call = ScriptCall(
            script: script, keys: keys, arguments: arguments, within: timeout ?? commandTimeout,
            maximumBulk: maximumBulk)
        do throws(RedisError) {
            return try await send(
                call.command, timeout: call.remaining, maximumBulk: maximumBulk, passesGate: passesGate)
        } catch {
            guard error.isUnknownScript else { throw error.naming(script) }
            // Nobody has loaded it yet, or the server was restarted, or told to forget.
        }
        try await load(script, timeout: call.remaining, passesGate: passesGate)
        do throws(RedisError) {
            return try await send(
                call.command, timeout: call.remaining, maximumBulk: maximumBulk, passesGate: passesGate)
        } catch {
            throw error.naming(script)
        }
    }
}

/// One call of a script: up to three commands within one time.
private final class ScriptCall: Sendable {
    let script: RedisScript
    let keys: [String]
    let arguments: [RedisArgument]
    let deadline: NIODeadline
    /// Of the script's reply.
    let maximumBulk: Int?

    init(
        script: RedisScript, keys: [String], arguments: [RedisArgument], within timeout: TimeAmount,
        maximumBulk: Int? = nil
    ) {
        self.script = script
        self.maximumBulk = maximumBulk
        (self.keys, self.arguments) = (keys, arguments)
        deadline = .now() + timeout
    }

    var command: [RedisArgument] {
        var command: [RedisArgument] = []
        command.reserveCapacity(3 + keys.count + arguments.count)
        command.append("EVALSHA")
        command.append(.string(script.sha))
        command.append(RedisArgument(keys.count))
        for key in keys { command.append(.string(key)) }
        command.append(contentsOf: arguments)
        return command
    }
    var remaining: TimeAmount { max(.milliseconds(1), deadline - .now()) }
}

extension RedisError {
    private static let missing = "is not in the server, and this user may not load it"

    /// Whether a script is missing that the user may not load. Redis forgets them when it starts, and workers load them again.
    package var isForWantOfScript: Bool { kind == .denied && message.contains(Self.missing) }

    /// Redis before 7.2 says on which line a script called what its user may not, and not which command that was.
    fileprivate func naming(_ script: RedisScript) -> RedisError {
        guard fault == .permission, let mark = message.firstRange(of: "@user_script:") else { return self }
        let lines = script.source.split(separator: "\n", omittingEmptySubsequences: false)
        let number = Int(message[mark.upperBound...].prefix { $0.isNumber }) ?? 0
        guard lines.indices.contains(number - 1) else { return self }
        let line = lines[number - 1]
        var commands: [String] = []
        for call in line.ranges(of: "call('") {
            let command = String(line[call.upperBound...].prefix { $0 != "'" })
            if !commands.contains(command) { commands.append(command) }
        }
        let call = commands.isEmpty ? "" : " calls \(commands.joined(separator: " or ")) there"
        return RedisError(kind, "\(message) (script \"\(script.name)\"\(call))", fault: fault)
    }

    /// What came of loading a script. It executes no part of it: where the load's fate is unknown, the script's is not.
    fileprivate func loading(_ script: RedisScript) -> RedisError {
        switch kind {
        case .ambiguous: RedisError(.unavailable, message, fault: fault)
        case .denied:
            RedisError(
                .denied,
                "\(message) (script \"\(script.name)\" \(Self.missing); a worker "
                    + "loads all scripts when it starts: start one, or give this user +script|load)", fault: fault)
        default: self
        }
    }
}
