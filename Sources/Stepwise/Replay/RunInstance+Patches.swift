internal import Synchronization

/// Patches: code that lives together with runs which were begun without it.
extension RunInstance {
    /// Takes in what the store has noted, before the function starts and whenever the store tells it anew.
    ///
    /// - Returns: whether the instance may go on: `false` if it has lived what never was.
    package func learn(marks: [String: Int], delivered: Int, opened: Int) -> Bool {
        state.withLock { $0.patches.learn(marks: marks, delivered: delivered, opened: opened) }
    }

    /// Whether something was answered here that the store may come to know otherwise.
    package var isProvisional: Bool { state.withLock { !$0.patches.unmarked.isEmpty } }

    /// The divergence of a patch that was applied and that the function has not asked for.
    package var missingPatch: Divergence? { state.withLock { $0.missingPatch() } }

    func patched(_ patch: String) throws -> Bool {
        try state.withLock { state in
            if state.isEvicted { throw Evicted() }
            return state.patches.ask(patch, at: .init(delivered: state.delivered, calls: state.calls.count))
        }
    }

    func deprecatePatch(_ patch: String) { state.withLock { $0.patches.deprecate(patch) } }
}

extension RunInstance.State {
    func missingPatch() -> Divergence? {
        guard let missing = patches.missing(delivered: delivered) else { return nil }
        return Divergence(
            position: missing.delivered + 1, standing: .patched, expected: .init(missing.patch, kind: "patch"),
            hasEnded: finished != nil)
    }

    /// Before the next outcome: the function has come to rest, and has asked for what it asks for.
    mutating func checkPatches() {
        if stuck == nil, let divergence = missingPatch() { stuck = .divergence(divergence) }
    }
}
