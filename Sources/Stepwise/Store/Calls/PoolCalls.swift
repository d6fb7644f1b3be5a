internal import StepwiseRedis

// What a worker notes of the threads for bodies.

extension ScriptLibrary {
    static let notePool = Script(
        "note_pool", PackageResources.note_pool_lua, keys: ["worker"],
        arguments: ["number", "age", "bodies", "blocking"])
}

extension ScriptCall<Bool> {
    /// `false` if the worker is no longer alive, or a later note was written.
    ///
    /// - Parameters:
    ///   - number: of the note; each has a higher one.
    ///   - age: for how long the pool has begun nothing; `nil` once it goes on.
    ///   - bodies: some of those that it has begun and that have not returned.
    ///   - blocking: some for which nobody waits, once such hold all threads for bodies that block.
    static func notePool(
        _ keys: Keys, _ name: String, number: Int, age: Duration?, bodies: [HeldThread],
        blocking: [HeldThread]
    ) -> Self {
        Self(
            ScriptLibrary.notePool, keys: [keys.worker(name)],
            arguments: [
                .init(number), .init(age.map { String($0.wholeMilliseconds) } ?? ""),
                .init(bodies.isEmpty ? [] : HeldThread.json(bodies)),
                .init(blocking.isEmpty ? [] : HeldThread.json(blocking)),
            ])
    }
}
