internal import Logging
package import StepwiseRedis

/// The name of the data's format in `meta`, and what a server must be able to do.
enum DataFormat {
    /// The format that this version reads and writes. Until 0.1.0 is released it rises with each change, and nothing is upgraded.
    static let current = "3-draft-6"
    static let minimumRedis = (6, 2)
    /// This version's own number, kept in `worker:<worker>`.
    static let version = "0.1.0"

    /// Looks at the server and at the namespace.
    ///
    /// - Parameter writes: whether a namespace without a format gets this one; whoever only looks leaves nothing behind.
    /// - Throws: ``StepwiseError`` with code `unsupportedRedis`, `otherDataFormat`, or one of the `redis…` codes.
    @discardableResult
    static func check(
        _ client: RedisClient, keys: Keys, redis: RedisEndpoint, logger: Logger, writes: Bool
    ) async throws(StepwiseError) -> RedisSession {
        do {
            var format = try await client.send(["HGET", .init(keys.meta), "format"]).string
            if writes, format == nil {
                // Somebody else may be first: the answer is what the namespace has now.
                let call = ScriptCall.format(keys, current)
                format = try call.reply(
                    await client.evaluate(call.script.redis, keys: call.keys, arguments: call.arguments))
            }
            if format == DeletionMark.format {
                throw StepwiseError(
                    .otherDataFormat,
                    "namespace \"\(keys.namespace)\" at \(redis) is being deleted: wait until that has ended; if it was "
                        + "interrupted, `\(keys.command("namespace delete"))` goes on with it")
            }
            if let format, format != current {
                throw StepwiseError(
                    .otherDataFormat,
                    "namespace \"\(keys.namespace)\" at \(redis) has data format \(format), and this version of Stepwise "
                        + "(\(version)) reads and writes \(current): use the version that wrote it, or another namespace"
                )
            }
        } catch let error as RedisError {
            throw StepwiseError(error, doing: "opening namespace \"\(keys.namespace)\"", at: redis, of: keys)
        } catch let error as StepwiseError {
            throw error
        } catch {
            throw StepwiseError(.redisRefused, "\(error)")
        }
        guard let session = client.session else {
            throw StepwiseError(.redisUnavailable, "the connection to \(redis) was lost at once")
        }
        let parts = session.version.split(separator: ".").compactMap { Int($0) }
        if parts.count >= 2, (parts[0], parts[1]) < minimumRedis {
            throw StepwiseError(
                .unsupportedRedis,
                "redis at \(redis) is version \(session.version); Stepwise needs 6.2 or later: upgrade the server")
        }
        if !session.evictionPolicy.isEmpty, session.evictionPolicy != "noeviction" {
            logger.warning(
                "redis may evict keys of live runs when memory is full; set maxmemory-policy noeviction",
                metadata: ["redis": "\(redis)", "maxmemory-policy": "\(session.evictionPolicy)"])
        }
        return session
    }
}

extension StepwiseError {
    /// - Parameters:
    ///   - redis: named unless the error names it.
    ///   - keys: of whoever may be told the commands that make room.
    package init(_ error: RedisError, doing what: String, at redis: RedisEndpoint? = nil, of keys: Keys? = nil) {
        let code: Code =
            switch error.kind {
            case _ where error.fault == .cluster: .unsupportedRedis
            case .unavailable: .redisUnavailable
            case .ambiguous: .redisAmbiguous
            case .denied: .redisDenied
            case .closed, .cancelled: .closed
            case .refused: .redisRefused
            case .invalidAddress: .invalidConfiguration
            }
        let place = redis.map { error.message.contains("redis at \($0)") ? "" : " at \($0)" } ?? ""
        let advice = keys.map { error.advice(clearing: $0.clearingCommands) } ?? error.advice
        self.init(code, "\(what)\(place) failed: \(error)\(advice)")
        isWrongURL = error.fault == .host || error.fault == .scheme
        isForWantOfScript = error.isForWantOfScript
    }
}
