/// Which life of a run a work item belongs to: `<number>`, and `<number>.<resumes>` once the run was resumed after it had failed.
///
/// The number begins as the time of the run's creation in microseconds, which nobody can guess to the last digit; whatever makes a step another step (*resume from a step*)
/// raises it, and it is part of the idempotency keys. A plain resume changes only what stands behind the point: what was queued or
/// claimed before is obsolete, and a body that is executed again has the key that it had.
package enum Generation {
    /// Whether a word of a work item can be one.
    package static func isOne(_ text: String) -> Bool {
        guard let point = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return Int(text) != nil }
        return Int(text[..<point]) != nil && Int(text[text.utf8.index(after: point)...]) != nil
    }

    /// The part that idempotency keys are made with.
    package static func number(of text: String) -> Int {
        Int(Substring(text.utf8.prefix { $0 != UInt8(ascii: ".") })) ?? 1
    }

    /// Whether a run's generation `later` can have come of `earlier` by resumes alone: each raises the number by one at most, `continueAsNew` by
    /// 1,000 at least, and one that is lower is of another run with that id. `enqueue` decides it in the same way.
    package static func isResumed(_ earlier: String, as later: String) -> Bool {
        let (old, new) = (number(of: earlier), number(of: later))
        let raised = new.subtractingReportingOverflow(old)
        return !raised.overflow && (0..<1000).contains(raised.partialValue)
    }

    /// When a run was created whose generation has not been raised, in milliseconds since 1970.
    package static func created(_ number: Int) -> Int { number / 1000 }
}
