package import NIOCore

extension RedisClient {
    /// Executes a script by its SHA-1, and sends its source first where the server does not know it.
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
        guard let first = call.command else { return loadAndSubmit(call) }
        return submit(first, timeout: call.remaining, maximumBulk: maximumBulk).flatMapError { error in
            (error as? RedisError)?.isUnknownScript == true
                ? self.loadAndSubmit(call) : self.eventLoop.makeFailedFuture(error)
        }
    }

    /// Executes a script many times, in one write.
    /// - Returns: a reply or an error for each call, in order.
    /// - Throws: ``RedisError`` if the script could not be loaded, or of kind `cancelled`.
    nonisolated(nonsending) package func evaluate(
        _ script: RedisScript, calls: [(keys: [String], arguments: [RedisArgument])]
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        if calls.isEmpty { return [] }
        let calls = calls.map {
            ScriptCall(script: script, keys: $0.keys, arguments: $0.arguments, within: commandTimeout)
        }
        if script.sha == nil, let first = calls.first {
            do throws(RedisError) { script.sha = try await send(first.loading).string } catch {
                throw error.fromLoading
            }
        }
        var replies = try await pipeline(calls.compactMap(\.command))
        guard replies.count == calls.count else { throw calls[0].withoutSHA }
        for (index, call) in calls.enumerated() {
            guard case .failure(let error) = replies[index], error.isUnknownScript else { continue }
            do throws(RedisError) {
                replies[index] = .success(try await evaluate(script, keys: call.keys, arguments: call.arguments))
            } catch { replies[index] = .failure(error) }
        }
        return replies
    }

    /// Executes a script by its SHA-1, without a wait, and sends its source first where the server does not know it.
    ///
    /// - Parameter body: called once, on the event loop, with the reply.
    package func send(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument],
        _ body: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void
    ) {
        let call = ScriptCall(script: script, keys: keys, arguments: arguments, within: commandTimeout)
        guard let words = call.command else { return load(call, body) }
        let command = RedisCommand(words, timeout: commandTimeout, deadline: call.deadline)
        command.onCompletion { [self] reply in
            if case .failure(let error) = reply, error.isUnknownScript { load(call, body) } else { body(reply) }
        }
        hand(over: CollectionOfOne(command))
    }

    private func load(_ call: ScriptCall, _ body: @escaping @Sendable (Result<RedisValue, RedisError>) -> Void) {
        loadAndSubmit(call).whenComplete { reply in
            body(reply.mapError { $0 as? RedisError ?? RedisError(.unavailable, "\($0)") })
        }
    }

    private func loadAndSubmit(_ call: ScriptCall) -> EventLoopFuture<RedisValue> {
        submit(call.loading, timeout: call.remaining)
            .flatMapErrorThrowing { error in throw (error as? RedisError)?.fromLoading ?? error }
            .flatMap { sha in
                call.script.sha = sha.string
                guard let command = call.command else { return self.eventLoop.makeFailedFuture(call.withoutSHA) }
                return self.submit(command, timeout: call.remaining, maximumBulk: call.maximumBulk)
            }
    }

    /// Executes a script by its SHA-1, and sends its source first where the server does not know it.
    /// - Parameters:
    ///   - timeout: from now to the reply, the loading included; `nil`: the client's.
    ///   - maximumBulk: as for ``submit(_:timeout:maximumBulk:)``.
    /// - Returns: as ``send(_:timeout:maximumBulk:)``.
    nonisolated(nonsending) package func evaluate(
        _ script: RedisScript,
        keys: [String],
        arguments: [RedisArgument],
        timeout: TimeAmount? = nil,
        maximumBulk: Int? = nil
    ) async throws(RedisError) -> RedisValue {
        let call = ScriptCall(
            script: script, keys: keys, arguments: arguments, within: timeout ?? commandTimeout,
            maximumBulk: maximumBulk)
        if let first = call.command {
            do throws(RedisError) {
                return try await send(first, timeout: call.remaining, maximumBulk: maximumBulk)
            } catch  where error.isUnknownScript {
                // The server was restarted, or told to forget.
            }
        }
        do throws(RedisError) {
            script.sha = try await send(call.loading, timeout: call.remaining).string
        } catch {
            throw error.fromLoading
        }
        guard let command = call.command else { throw call.withoutSHA }
        return try await send(command, timeout: call.remaining, maximumBulk: maximumBulk)
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

    /// `nil` as long as no server has told the SHA-1.
    var command: [RedisArgument]? {
        guard let sha = script.sha else { return nil }
        var command: [RedisArgument] = []
        command.reserveCapacity(3 + keys.count + arguments.count)
        command.append("EVALSHA")
        command.append(.string(sha))
        command.append(RedisArgument(keys.count))
        for key in keys { command.append(.string(key)) }
        command.append(contentsOf: arguments)
        return command
    }
    var loading: [RedisArgument] { ["SCRIPT", "LOAD", .string(script.source)] }
    var remaining: TimeAmount { max(.milliseconds(1), deadline - .now()) }

    var withoutSHA: RedisError {
        RedisError(.refused, "the server answered SCRIPT LOAD of \(script.name) with something other than a SHA-1")
    }
}

extension RedisError {
    /// Loading a script executes no part of it: where the load's fate is unknown, the script's is not.
    fileprivate var fromLoading: RedisError {
        kind == .ambiguous ? RedisError(.unavailable, message) : self
    }
}
