internal import Synchronization

/// Whether the function's calls are those that the history and the open steps were made by.
///
/// An outcome that no call waits for is found when it is delivered. Code that was changed may also call the same steps as other numbers, and
/// Redis tells calls apart by their number: what it opened must be what the function called.
extension RunInstance {
    /// The calls from number `from` up to `opened` that wait: Redis has them open, or recorded since; and how many may be open in all.
    package func mustBeOpen(from: Int, opened: Int) -> (steps: [String], atMost: Int) {
        state.withLock { state in
            let end = min(opened, state.calls.count)
            let steps = (min(from, end)..<end).compactMap { state.isWaiting($0) ? state.calls[$0]?.id : nil }
            let waiting = (0..<end).count { state.isWaiting($0) }
            return (steps, waiting + state.unclosed.count)
        }
    }

    /// Compares the function's first `opened` calls with the steps that Redis has open: code that was changed may call others, or the same
    /// ones as other numbers.
    ///
    /// - Parameters:
    ///   - open: every step that is open, in any order.
    ///   - recorded: the steps that were recorded after what was delivered here.
    package func divergence(opened: Int, open: [String], recorded: Set<String> = []) -> Divergence? {
        state.withLock { state in
            let position = state.delivered + 1
            if let step = open.filter({ state.numbers[$0].map { $0 >= opened } ?? true }).min() {
                return state.divergence(.open, at: position, expected: .init(step)).leavingOut(Set(open))
            }
            let known = recorded.union(open)
            let missing = (0..<min(opened, state.calls.count)).first {
                state.isWaiting($0) && !known.contains(state.calls[$0]?.id ?? "")
            }
            guard missing != nil || (state.calls.count < opened && state.finished == nil) else { return nil }
            return state.divergence(.nothing, at: position, expected: nil).leavingOut(known)
        }
    }

    /// The divergence of a step that is open and that the function has not called.
    package func divergence(openStep step: String) -> Divergence {
        state.withLock { $0.divergence(.open, at: $0.delivered + 1, expected: .init(step)) }
    }
}

extension RunInstance.State {
    func isWaiting(_ number: Int) -> Bool {
        if case .waiting = standings[number] { true } else { false }
    }

    /// What the function asks for now, against what the history has.
    func divergence(
        _ standing: Divergence.Standing, at position: Int, expected: Divergence.Step?
    ) -> Divergence {
        let asked = calls.indices.filter(isWaiting).compactMap {
            calls[$0].map { Divergence.Step($0.id, kind: $0.kind) }
        }
        return Divergence(
            position: position, standing: standing, expected: expected, asked: asked, hasEnded: finished != nil)
    }
}
