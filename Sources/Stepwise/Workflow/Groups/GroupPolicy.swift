/// When a parallel group is decided: by how many successes, or by how many failures.
public struct GroupPolicy: Sendable, Hashable {
    private enum Tolerance: Sendable, Hashable {
        case unlimited
        case count(Int)
        case percent(Double)
    }

    /// So many successes are enough; `nil`: every step is waited for.
    private let needed: Int?
    private let tolerance: Tolerance

    private init(needed: Int? = nil, tolerance: Tolerance = .unlimited) {
        self.needed = needed
        self.tolerance = tolerance
    }

    /// Every step is waited for, whatever becomes of the others.
    public static var settled: GroupPolicy { GroupPolicy() }

    /// Decided when so many steps have succeeded, and failed as soon as so many no longer can.
    public static func atLeast(_ successes: Int) -> GroupPolicy { GroupPolicy(needed: successes) }

    /// As ``atLeast(_:)``, and failed when more than so many steps have failed.
    public static func atLeast(_ successes: Int, tolerating failures: Int) -> GroupPolicy {
        GroupPolicy(needed: successes, tolerance: .count(failures))
    }

    /// Every step is waited for; failed when more than so many have failed. Exactly so many are tolerated.
    public static func tolerating(_ failures: Int) -> GroupPolicy { GroupPolicy(tolerance: .count(failures)) }

    /// Every step is waited for; failed when more than this part of all, in percent, has failed. Exactly so many are tolerated.
    public static func tolerating(percent: Double) -> GroupPolicy { GroupPolicy(tolerance: .percent(percent)) }

    /// Whether no success decides it before every step has ended.
    var waitsForAll: Bool { needed == nil }

    /// What is wrong with the policy for a group of so many elements; `nil` if nothing is.
    func problem(count: Int) -> String? {
        if let needed, needed < 1 { return "\(needed) successes are asked for; ask for at least 1" }
        if let needed, needed > count {
            return
                "\(needed) success\(needed == 1 ? " is" : "es are") asked for, and the collection has \(count) element\(count == 1 ? "" : "s")"
        }
        switch tolerance {
        case .count(let failures) where failures < 0:
            return "\(failures) failures are to be tolerated; it must not be negative"
        case .percent(let percent) where !(0...100).contains(percent):
            return "\(percent) percent of failures are to be tolerated; it must be from 0 to 100"
        default: return nil
        }
    }

    /// Counts a group's outcomes in their order, and says when it is decided.
    struct Tally: Sendable {
        enum Decision: Sendable, Hashable {
            case goesOn
            case isDone
            case hasFailed(GroupFailure.Reason)
        }

        let policy: GroupPolicy
        let count: Int
        private(set) var succeeded = 0
        private(set) var failed = 0

        init(_ policy: GroupPolicy, count: Int) {
            self.policy = policy
            self.count = count
        }

        mutating func add(isSuccess: Bool) -> Decision {
            if isSuccess { succeeded += 1 } else { failed += 1 }
            if policy.isExceeded(by: failed, of: count) { return .hasFailed(.tooManyFailed) }
            if let needed = policy.needed {
                if succeeded >= needed { return .isDone }
                if count - failed < needed { return .hasFailed(.tooFewCanSucceed) }
            }
            return succeeded + failed == count ? .isDone : .goesOn
        }
    }

    private func isExceeded(by failed: Int, of count: Int) -> Bool {
        switch tolerance {
        case .unlimited: false
        case .count(let most): failed > most
        case .percent(let percent): Double(failed) * 100 > percent * Double(count)
        }
    }
}
