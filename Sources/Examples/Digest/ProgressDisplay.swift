import Foundation
import Stepwise

/// Shows how far a run is: a bar that is drawn over itself on a terminal, a line now and then in a pipe or file.
///
/// It reads nothing but what anybody can read of a run: how many outcomes are recorded, and the first one, the list of files.
struct ProgressDisplay {
    private let run: WorkflowRun<DigestSummary>
    private let isTerminal = isatty(STDOUT_FILENO) == 1
    private let start = ContinuousClock.now

    init(of run: WorkflowRun<DigestSummary>) {
        self.run = run
    }

    /// Returns when the run has ended, or when its task is cancelled, after a last look.
    ///
    /// - Throws: ``StepwiseError`` if Redis cannot be asked.
    func show() async throws {
        var files: Int?
        var shown = -1
        while true {
            let isLast = Task.isCancelled
            // The calls must not be cut off by the cancellation that asks for the last look.
            let details = try await Task { try await run.details() }.value
            if files == nil { files = try await Task { try await numberOfFiles(details) }.value }
            if let files {
                // The list was the first outcome, the manifest is the last.
                let done = min(max(0, details.recorded - 1), files)
                if done != shown { draw(done, of: files) }
                shown = done
            }
            if isLast || details.status.isEnded { break }
            try? await Task.sleep(for: isTerminal ? .milliseconds(100) : .seconds(1))
        }
        if isTerminal, shown >= 0 { print() }
    }

    private func numberOfFiles(_ details: RunDetails) async throws -> Int? {
        guard details.recorded > 0, let list = try await run.history().first?.value else { return nil }
        return try JSONDecoder().decode([String].self, from: Data(list.utf8)).count
    }

    private func draw(_ done: Int, of files: Int) {
        let seconds = Double((ContinuousClock.now - start) / .milliseconds(100)).rounded() / 10
        let text = "\(done)/\(files) files, \(seconds) s"
        if isTerminal {
            let width = 40
            let filled = files == 0 ? width : width * done / files
            let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
            // Back to the line's beginning, and what was there before is wiped.
            print("\r[\(bar)] \(text)\u{1B}[K", terminator: "")
        } else {
            print(text)
        }
        fflush(nil)
    }
}
