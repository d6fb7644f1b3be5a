#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

extension WorkflowContext {
    /// Waits for a time, be it for days: a step. While it waits the run takes no worker, no connection and no memory but Redis'; a replay
    /// does not wait again.
    ///
    /// ```swift
    /// try await context.sleep(for: .seconds(3 * 86_400))
    /// ```
    ///
    /// It never ends early, by Redis' clock; on an idle fleet it ends within a second. Use it instead of `Task.sleep`, which a replay
    /// would repeat.
    ///
    /// - Parameters:
    ///   - duration: how long, from the call on; zero and less: at once. At most 10,000 years.
    ///   - name: the step's name.
    /// - Throws: `CancellationError` in a cancelled task, and when the run is cancelled; ``StepwiseError`` for a bad name or a call from the
    ///   wrong place.
    public func sleep(for duration: Duration, name: String = "sleep") async throws {
        try await sleep(.after(milliseconds: max(0, duration.wholeMilliseconds(rounded: .up))), name)
    }

    /// Waits until a moment of Redis' clock; one in the past: not at all.
    ///
    /// - Parameters:
    ///   - date: when to go on; at most the end of the year 9999.
    ///   - name: the step's name.
    /// - Throws: as ``sleep(for:name:)``.
    public func sleep(until date: Date, name: String = "sleep") async throws {
        try await sleep(.at(milliseconds: max(0, date.boundedMilliseconds(rounded: .up))), name)
    }

    private func sleep(_ wake: StepWait.Wake, _ name: String) async throws {
        try checkPlace(of: "step \"\(name)\"")
        _ = try await instance.call(name: name, options: StepOptions(), .wait(.sleep(wake))) { _ in JSON.null }
    }
}
