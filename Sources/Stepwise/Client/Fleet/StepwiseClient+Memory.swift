extension StepwiseClient {
    /// What Redis says of its memory.
    ///
    /// - Returns: `nil` if Redis does not tell this user, or has no `INFO`; the handshake does without it as well.
    /// - Throws: ``StepwiseError``, one of the `redis…` codes.
    package func memory() async throws(StepwiseError) -> RedisMemory? {
        do {
            let memory: RedisMemory = try await command(.memory, doing: "asking for the memory")
            return memory
        } catch {
            guard error.code == .redisDenied || error.code == .redisRefused else { throw error }
            return nil
        }
    }
}
