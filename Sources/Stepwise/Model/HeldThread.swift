/// A thread of a worker that user code holds. It was left behind, and another thread does its work.
package struct HeldThread: Sendable, Hashable, Codable {
    /// The run whose code it is; `nil` if that is not known.
    package var run: String?
    /// The step whose body holds it, `nil` if it is a cancellation handler or a `deinit`; or, for a function, the last step before, if there was one.
    package var step: String?
    /// Whether it is other code than the run's function.
    package var isBody: Bool
    /// Milliseconds since 1970, by the worker's clock.
    package var since: Int

    package init(run: String?, step: String?, isBody: Bool, since: Int) {
        (self.run, self.step, self.isBody, self.since) = (run, step, isBody, since)
    }

    /// What holds the thread, in words.
    package var holder: String {
        guard let run else { return "unknown code" }
        if isBody {
            let holder = step.map { "the body of step \"\($0)\"" } ?? "a cancellation handler or a deinit"
            return "\(holder) of run \(run)"
        }
        return "the function of run \(run), \(step.map { "after step \"\($0)\"" } ?? "before its first step")"
    }

    /// As a worker's entry stores them.
    package static func json(_ threads: [HeldThread]) -> [UInt8] {
        (try? JSON.encode(threads, what: "what holds threads")) ?? []
    }

    /// As read from an entry; none if that cannot be read.
    package static func all(in text: String?) -> [HeldThread] {
        guard let text else { return [] }
        return (try? JSON.decode([HeldThread].self, from: Array(text.utf8), what: "what holds threads")) ?? []
    }
}
