/// What is left of a failed run's history when it goes on: decided from an outline of the history. A value.
package struct Revival: Sendable, Hashable {
    /// One outcome, without its value.
    package struct Line: Sendable, Hashable {
        package var step: String
        package var isError: Bool
        /// A request to cancel the run, or the end of its time; no step's.
        package var isCancel: Bool

        package init(step: String, isError: Bool = false, isCancel: Bool = false) {
            self.step = step
            self.isError = isError
            self.isCancel = isCancel
        }

        /// - Parameter record: an outcome as it is stored.
        init(record: [UInt8]) {
            let members = JSONMembers(record)
            self.init(
                step: members?.string("step") ?? "", isError: members?.values["error"] != nil,
                isCancel: members?.string("step") == "")
        }

        var words: String { isCancel ? "the request to end it" : "\"\(step)\"" }
    }

    /// How many outcomes stay.
    package var keep: Int
    /// Whether steps become other steps, with other idempotency keys.
    package var raisesGeneration: Bool
    package var forgetsCancel: Bool

    /// A resume: every recorded value stays, and the step whose error ended the run is tried again.
    ///
    /// - Parameters:
    ///   - failed: the step that the run's error names, if it names one; else an error that was recorded last counts as what failed, else
    ///     the function itself, which is taken forward again with nothing forgotten.
    ///   - isTimeUp: whether the run has failed because its time was up.
    ///   - ended: after how many outcomes the function ended in its error, if that is known: with what its last word recorded there are more.
    /// - Throws: ``StepwiseError`` with code `wrongStatus` if something was recorded after the error: what those steps did stays done, and
    ///   to forget them is not for a resume to decide.
    package init(
        resuming run: String, failed step: String?, isTimeUp: Bool = false, ended: Int? = nil, _ history: [Line]
    ) throws(StepwiseError) {
        raisesGeneration = false
        forgetsCancel = false
        let ofStep = step.flatMap { step in history.lastIndex { $0.step == step && $0.isError } }
        if ofStep == nil, let ended, history.indices.contains(ended) {
            throw Self.refusal(run, "its function had ended in an error", history[ended...])
        }
        // Once a run's time was up, what failed last failed in its cleanup or its last word.
        let isCutOff = isTimeUp && history.contains(where: \.isCancel)
        guard let failure = ofStep ?? (history.last?.isError == true && !isCutOff ? history.count - 1 : nil) else {
            // A request to end it, or its time being up, is not an outcome of its work.
            keep = history.count
            while keep > 0, history[keep - 1].isCancel { keep -= 1 }
            forgetsCancel = keep < history.count
            if isTimeUp, let end = history[..<keep].lastIndex(where: \.isCancel) {
                throw Self.refusal(run, "its time was up", history[(end + 1)..<keep])
            }
            return
        }
        keep = failure
        let later = history[(failure + 1)...]
        if !later.isEmpty { throw Self.refusal(run, "step \"\(history[failure].step)\" failed", later) }
    }

    private static func refusal(_ run: String, _ end: String, _ later: ArraySlice<Line>) -> StepwiseError {
        let named =
            later.prefix(10).map(\.words).joined(separator: ", ")
            + (later.count > 10 ? " and \(later.count - 10) more" : "")
        return StepwiseError(
            .wrongStatus,
            "run \(run) cannot be resumed: after \(end), \(named) \(later.count == 1 ? "was" : "were") "
                + "recorded, and would be forgotten though done. Restart it (a new run, from the beginning), or resume it from a step "
                + "(which forgets that step and everything recorded after it)")
    }

    /// A resume from a step: it and everything recorded after it are forgotten, and are other steps when they are executed again.
    ///
    /// - Throws: ``StepwiseError`` with code `wrongStatus` if the step has no outcome.
    package init(resuming run: String, from step: String, _ history: [Line]) throws(StepwiseError) {
        guard let index = history.firstIndex(where: { $0.step == step && !$0.isCancel }) else {
            let steps = history.filter { !$0.isCancel }.suffix(10).map(\.words).joined(separator: ", ")
            throw StepwiseError(
                .wrongStatus,
                "run \(run) has no outcome of step \"\(step)\"; the last that it has are of \(steps.isEmpty ? "no step" : steps)"
            )
        }
        keep = index
        raisesGeneration = true
        forgetsCancel = history[index...].contains(where: \.isCancel)
    }
}
