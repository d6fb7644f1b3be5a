package import Testing

/// Which of the numbered scenarios of the page "Scenarios" a test plays; a failure names them.
package struct ScenarioTrait: TestTrait, SuiteTrait {
    package let numbers: [Int]

    package var comments: [Comment] { numbers.map { "scenario \($0)" } }
    package var isRecursive: Bool { true }
}

/// Which of the rules of the page Architecture a test holds the code to; a failure names them.
package struct RuleTrait: TestTrait, SuiteTrait {
    package let numbers: [Int]

    package var comments: [Comment] { numbers.map { "rule \($0)" } }
    package var isRecursive: Bool { true }
}

extension Trait where Self == ScenarioTrait {
    package static func scenario(_ numbers: Int...) -> Self {
        precondition(!numbers.isEmpty && numbers.allSatisfy((1...64).contains), "there is no scenario \(numbers)")
        return Self(numbers: numbers)
    }
}

extension Trait where Self == RuleTrait {
    package static func rule(_ numbers: Int...) -> Self {
        precondition(!numbers.isEmpty && numbers.allSatisfy((1...10).contains), "there is no rule \(numbers)")
        return Self(numbers: numbers)
    }
}
