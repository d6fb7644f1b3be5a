#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What a function may not ask its machine for, because a replay would get another answer.
extension WorkflowContext {
    /// A random number generator that gives the same numbers on every replay, on every worker. No step: nothing is recorded, nothing waits.
    ///
    /// ```swift
    /// var random = context.random
    /// let winner = entries.randomElement(using: &random)
    /// ```
    ///
    /// Each use gives another generator. Its seed is made of the run's id and creation, how often the run has begun anew, how many steps the
    /// function has called so far, and the how-manieth use since that call it is: a use that changed code inserts moves others only up to the
    /// next call.
    ///
    /// Not for secrets: who knows the run's id can compute the numbers. A token or a password is made in a step. Inside a step's body, whose
    /// result is recorded, the generator is seeded by the system. From an unstructured task it is, too, and the use is logged and kept on the
    /// run as a warning, since a replay gets other numbers there.
    public var random: WorkflowRandom {
        if StepScope.current == nil {
            if instance.executor.ownsCurrentTask {
                let (calls, use) = instance.nextDraw()
                return WorkflowRandom(seed: "\(seed)/\(calls)/\(use)")
            }
            _ = misuse(
                .stepOutsideFunction,
                "context.random or uuid() of run \(runID) was used in an unstructured task (Task { … }, Task.detached, a callback) or after the "
                    + "workflow's function had returned: a replay gets other numbers there; use async let or a task group instead"
            )
        }
        return WorkflowRandom(seed: "\(UInt64.random(in: .min ... .max))/\(UInt64.random(in: .min ... .max))")
    }

    /// A UUID (version 4) of ``random``: the same on every replay. Not for secrets.
    public func uuid() -> UUID {
        var random = random
        let (high, low) = (random.next(), random.next())
        func byte(_ word: UInt64, _ index: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: word >> (56 - 8 * index)) }
        return UUID(
            uuid: (
                byte(high, 0), byte(high, 1), byte(high, 2), byte(high, 3), byte(high, 4), byte(high, 5),
                byte(high, 6) & 0x0f | 0x40, byte(high, 7),
                byte(low, 0) & 0x3f | 0x80, byte(low, 1), byte(low, 2), byte(low, 3), byte(low, 4), byte(low, 5),
                byte(low, 6), byte(low, 7)
            ))
    }

    /// The time by Redis' clock, which is the one that sleeps and limits go by: a recorded step (`now`, `now#2`, …), so that a replay gets the
    /// time of the first execution.
    ///
    /// - Throws: `CancellationError` in a cancelled task; ``StepwiseError`` for a call from the wrong place; ``StepFailure`` if Redis did not
    ///   answer in three attempts.
    public var now: Date {
        get async throws {
            try checkPlace(of: "context.now")
            var options = StepOptions()
            options.kind = "now"
            options.retry = Retry(attempts: 3, initialDelay: .milliseconds(200))
            let result = try await instance.call(name: "now", options: options) { [clock] step in
                let date = Date(timeIntervalSince1970: Double(try await clock()) / 1_000_000)
                return try JSON.encode(date, what: "the result of step \"\(step.id)\"")
            }
            return try await decode(Date.self, from: result)
        }
    }
}
