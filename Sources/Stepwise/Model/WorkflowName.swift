/// A workflow's name and types, without its code: what a service needs that only enqueues.
///
/// ```swift
/// extension WorkflowName<Order, Receipt> { static var processOrder: Self { "process-order" } }
/// ```
public struct WorkflowName<Input: Sendable, Output: Sendable>: Sendable, Hashable, ExpressibleByStringLiteral,
    CustomStringConvertible
{
    /// The name in work items: 1 to 200 printable ASCII characters without spaces, the first of them no hyphen.
    public let rawValue: String

    public init(_ name: String) {
        rawValue = name
    }

    public init(stringLiteral value: String) {
        rawValue = value
    }

    public var description: String { rawValue }
}
