#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// An option of `enqueue`.
public struct EnqueueOption: Sendable {
    package let apply: @Sendable (inout EnqueueOptions) -> Void

    /// The queue to enqueue on: 1 to 100 of the characters `A-Z a-z 0-9 . _ -`. Default: `default`; for a child its parent's.
    public static func queue(_ name: String) -> EnqueueOption {
        EnqueueOption { $0.queue = name }
    }

    /// A label, by which the run can be found again: `.label("tenant", "acme")`. At most 20; a name is 1 to 100 printable ASCII characters
    /// without spaces and `=`, a value at most 200 bytes.
    public static func label(_ name: String, _ value: String) -> EnqueueOption {
        EnqueueOption { $0.labels[name] = value }
    }

    /// How long the run may take in all, from now on, by Redis' clock; see ``WorkflowOption/runTimeout(_:)``. Counts also while it waits in
    /// its queue. `nil`: as the workflow says.
    public static func runTimeout(_ limit: Duration?) -> EnqueueOption {
        EnqueueOption { $0.timeout = limit.map { max(1, $0.wholeMilliseconds(rounded: .up)) } }
    }

    /// The run starts so long from now, by Redis' clock, and waits until then without taking a worker; zero or less: at once. Of several
    /// `.after` and `.at` the last counts. A run's ``runTimeout(_:)`` begins now and not then.
    public static func after(_ delay: Duration) -> EnqueueOption {
        EnqueueOption { $0.start = StartTime(after: delay.wholeMilliseconds(rounded: .up)) }
    }

    /// The run starts then, by Redis' clock; in the past: at once. Else as ``after(_:)``.
    public static func at(_ date: Date) -> EnqueueOption {
        EnqueueOption { $0.start = StartTime(date) }
    }

    /// Several labels.
    public static func labels(_ labels: [String: String]) -> EnqueueOption {
        EnqueueOption { for (name, value) in labels { $0.labels[name] = value } }
    }
}

package struct EnqueueOptions: Sendable, Hashable {
    package var queue = "default"
    package var labels = RunLabels()
    /// In milliseconds.
    package var timeout: Int?
    /// `nil`: at once.
    package var start: StartTime?
    /// The failed run whose work this one begins anew.
    package var origin: String?

    /// Whether there is nothing to know but the queue.
    var isPlain: Bool { timeout == nil && start == nil && origin == nil && labels.values.isEmpty }

    package init(_ options: [EnqueueOption] = [], queue: String = "default") {
        self.queue = queue
        for option in options { option.apply(&self) }
    }
}
