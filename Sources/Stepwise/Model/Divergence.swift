/// Where a run's history and the code of a worker part: the replay asked for another step than the history has. A value.
///
/// ```
/// position 2 of the history is the outcome of step "ship", but there the code asks for step "notify"
/// ```
public struct Divergence: Sendable, Hashable, Codable, CustomStringConvertible {
    /// A step as the history has it, or as the code asks for it.
    public struct Step: Sendable, Hashable, Codable, CustomStringConvertible {
        /// The step's id: its name, `name#2`, `name#3`… from the second use on.
        public var step: String
        /// `nil` for a step with a body; the word for another kind.
        public var kind: String?
        /// The key that it was given, where that is what differs.
        public var key: String?

        package init(_ step: String, kind: String? = nil, key: String? = nil) {
            self.step = step
            self.kind = kind
            self.key = key
        }

        public var description: String {
            ("\(kind ?? "step") \"\(step)\"" + (key.map { " with key \($0)" } ?? "")).printable
        }
    }

    /// What the history has at the position.
    public enum Standing: String, Sendable, Hashable, Codable {
        /// The outcome of the expected step.
        case recorded
        /// No outcome yet; the expected step was called and waits for one.
        case open
        /// Nothing: all that was called is recorded.
        case nothing
        /// The mark of the expected patch.
        case patched
    }

    /// The number of the outcome in the history, from 1 on.
    public var position: Int
    /// How far the history has come at the position.
    public var standing: Standing
    /// What the history has there; `nil` if it has nothing.
    public var expected: Step?
    /// What the code asks for there, in the order of its calls, without what is open as it should be; at most ``limit`` of them.
    public var asked: [Step]
    /// Whether the function has returned or thrown there.
    public var hasEnded: Bool

    /// The most steps that are kept in ``asked``.
    public static let limit = 20

    package init(
        position: Int, standing: Standing, expected: Step?, asked: [Step] = [], hasEnded: Bool = false
    ) {
        self.position = position
        self.standing = standing
        self.expected = expected
        self.asked = asked
        self.hasEnded = hasEnded
    }

    /// Leaves out of ``asked`` what agrees: steps that are open.
    package func leavingOut(_ open: Set<String>) -> Divergence {
        var result = self
        let rest = asked.filter { !open.contains($0.step) }
        // In a sequence, what is asked for too early may be open as well.
        result.asked = Array((rest.isEmpty && standing == .recorded ? asked : rest).prefix(Self.limit))
        return result
    }

    public var description: String {
        let history =
            switch standing {
            case .patched: "\(words(expected)) was applied at position \(position) of the history"
            case .recorded: "position \(position) of the history is the outcome of \(words(expected))"
            case .open: "\(words(expected)) is open at position \(position) of the history, which is not recorded yet"
            case .nothing: "nothing is open at position \(position) of the history, which is not recorded yet"
            }
        return "\(history), but there \(code)"
    }

    private func words(_ step: Step?) -> String { step?.description ?? "another step" }

    private var code: String {
        if standing == .patched { return "the code does not ask for it" }
        if asked.isEmpty { return hasEnded ? "the code's function has ended" : "the code asks for no other step" }
        let names = asked.prefix(5).map(\.description).joined(separator: ", ")
        return "the code asks for \(names)" + (asked.count > 5 ? " and \(asked.count - 5) more" : "")
    }
}
