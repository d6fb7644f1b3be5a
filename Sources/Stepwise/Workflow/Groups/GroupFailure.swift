/// A parallel group whose policy can no longer be met. What was still open of it has been withdrawn.
public struct GroupFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which limit of the ``GroupPolicy`` was passed.
    public struct Reason: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
        public var description: String { rawValue }

        /// More steps have failed than are tolerated.
        public static var tooManyFailed: Reason { Reason(rawValue: "tooManyFailed") }
        /// So many have failed that as many as are needed can no longer succeed.
        public static var tooFewCanSucceed: Reason { Reason(rawValue: "tooFewCanSucceed") }
    }

    /// The name of the group's steps.
    public let name: String
    public let reason: Reason
    /// How many elements the group had.
    public let count: Int
    /// How many steps had succeeded when it was decided.
    public let succeeded: Int
    /// The failures until then, in the order of the elements.
    public let failures: [StepFailure]

    public var description: String {
        let limit = reason == .tooManyFailed ? "more than are tolerated" : "too few of the others can still succeed"
        let words =
            "\(failures.count) of \(count) steps \"\(name)\" failed, \(limit) (\(succeeded) succeeded): "
            + failures.map { "\($0)" }.joined(separator: "; ")
        return words.printable
    }
}
