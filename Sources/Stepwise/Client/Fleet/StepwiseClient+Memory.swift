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

    /// Why Redis takes no writes, if it is not its memory; `nil` if it does, or does not tell this user.
    ///
    /// - Parameter isSilent: whether no worker beats.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func hindrance(isSilent: Bool) async throws -> RedisHindrance? {
        let replication: String? = try await told(.info("replication"), doing: "asking for the replication")
        let persistence: String? = try await told(.info("persistence"), doing: "asking whether it is saved")
        return try await RedisHindrance(
            replication: replication ?? "", persistence: persistence ?? "", isSilent: isSilent
        ) { name in
            let pair: [String]? = try await told(.setting(name), doing: "asking for \(name)")
            return pair?.count == 2 ? pair?[1] : nil
        }
    }

    /// A reply; `nil` if Redis does not give it to this user.
    private func told<Reply>(_ command: StoreCommand<Reply>, doing what: String) async throws -> Reply? {
        do throws(StepwiseError) { return try await self.command(command, doing: what) } catch {
            guard error.code == .redisDenied || error.code == .redisRefused else { throw error }
            return nil
        }
    }
}
