extension StepwiseClient {
    /// What Redis says of its memory.
    ///
    /// - Returns: `nil` if Redis does not tell this user, or has no `INFO`; the handshake does without it as well.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func memory() async throws(StepwiseError) -> RedisMemory? {
        do {
            let info: String = try await command(.info("memory"), doing: "asking for the memory")
            let memory = RedisMemory(info: info)
            if !memory.dependsOnKeys { return memory }
            let keyspace: String = try await command(.info("keyspace"), doing: "asking for the keys")
            return RedisMemory(info: info, keyspace: keyspace)
        } catch {
            guard error.code == .redisDenied || error.code == .redisRefused else { throw error }
            return nil
        }
    }

    /// Whether Redis is a replica, at which no worker can do anything; `false` if it does not tell this user.
    ///
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func isAtReplica() async throws(StepwiseError) -> Bool {
        do {
            let role: String = try await command(.role, doing: "asking for the role")
            return role == "slave"
        } catch {
            guard error.code == .redisDenied || error.code == .redisRefused else { throw error }
            return false
        }
    }
}
