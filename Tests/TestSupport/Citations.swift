public import Testing

/// Which of the numbered scenarios of the page "Scenarios" a test plays; a failure names them.
public struct ScenarioTrait: TestTrait, SuiteTrait {
    public let numbers: [Int]

    public var comments: [Comment] { numbers.map { "scenario \($0)" } }
    public var isRecursive: Bool { true }
}

/// Which of the design's rules a test holds the code to; a failure names them.
public struct RuleTrait: TestTrait, SuiteTrait {
    public let numbers: [Int]

    public var comments: [Comment] { numbers.map { "rule \($0)" } }
    public var isRecursive: Bool { true }
}

extension Trait where Self == ScenarioTrait {
    public static func scenario(_ numbers: Int...) -> Self {
        precondition(!numbers.isEmpty && numbers.allSatisfy((1...64).contains), "there is no scenario \(numbers)")
        return Self(numbers: numbers)
    }
}

extension Trait where Self == RuleTrait {
    public static func rule(_ numbers: Int...) -> Self {
        precondition(!numbers.isEmpty && numbers.allSatisfy((1...9).contains), "there is no rule \(numbers)")
        return Self(numbers: numbers)
    }
}
