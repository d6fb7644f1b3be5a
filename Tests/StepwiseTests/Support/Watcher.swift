import Stepwise
import Synchronization

/// An observer that keeps what it is told.
final class Watcher: Sendable {
    private let kept = Mutex<[Observation]>([])

    var observer: @Sendable (Observation) async -> Void {
        { observation in self.kept.withLock { $0.append(observation) } }
    }
    var all: [Observation] { kept.withLock { $0 } }

    func steps(of run: String) -> [ObservedStep] {
        all.compactMap { if case .recorded(let step) = $0, step.run == run { step } else { nil } }
    }

    func ends(of run: String) -> [RunStatus] {
        all.compactMap { if case .ended(let end) = $0, end.run == run { end.status } else { nil } }
    }
}
