internal import Logging
package import StepwiseRedis

/// The number of the data's format in `meta`, and what a server must be able to do.
enum DataFormat {
    /// The format that this version writes. 2: a turn may bring its run's payload along, a plain step inline is not in `open`, `joins`.
    static let current = 2
    static let minimumRedis = (6, 2)
    /// This version's own number, kept in `worker:<worker>`.
    static let version = "0.1.0"

    /// Looks at the server and at the namespace.
    ///
    /// - Parameter writes: whether a namespace without a number gets one; whoever only looks leaves nothing behind.
    /// - Throws: ``StepwiseError`` with code `unsupportedRedis`, `newerDataFormat`, or one of the `redis…` codes.
    @discardableResult
    static func check(
        _ client: RedisClient, keys: Keys, redis: RedisEndpoint, logger: Logger, writes: Bool
    ) async throws(StepwiseError) -> RedisSession {
        do {
            let stored = try await client.send(["HGET", .init(keys.meta), "format"]).integer
            if writes, stored ?? 0 < current {
                _ = try await client.evaluate(
                    ScriptLibrary.format, keys: [keys.meta], arguments: [.init(current)])
            }
            let format = stored ?? current
            if format > current {
                throw StepwiseError(
                    .newerDataFormat,
                    "namespace \"\(keys.namespace)\" at \(redis) has data format \(format), this version of Stepwise (\(version)) knows "
                        + "formats up to \(current); upgrade this program")
            }
        } catch let error as RedisError {
            throw StepwiseError(error, doing: "opening namespace \"\(keys.namespace)\" at \(redis)")
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
    package init(_ error: RedisError, doing what: String) {
        let code: Code =
            switch error.kind {
            case .unavailable: .redisUnavailable
            case .ambiguous: .redisAmbiguous
            case .denied: .redisDenied
            case .closed, .cancelled: .closed
            case .refused: .redisRefused
            case .invalidAddress: .invalidConfiguration
            }
        self.init(code, "\(what) failed: \(error)\(error.advice)")
    }
}
