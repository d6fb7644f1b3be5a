package import Stepwise
package import Testing

/// For what should come at once; generous, because tests share their machine.
package let patience = Duration.seconds(30)

/// Asks until a condition holds; an issue, with this sentence, if it does not in time.
package func eventually(
    _ what: Comment, within limit: Duration = patience, sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    if try await !comesTrue(within: limit, condition) { Issue.record(what, sourceLocation: sourceLocation) }
}

/// Whether a condition holds in time; for who has more to say of it, or nothing.
package func comesTrue(within limit: Duration = patience, _ condition: () async throws -> Bool) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while try await !condition() {
        if ContinuousClock.now > deadline { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
    return true
}

/// Expects that the doctor finds nothing wrong in the client's namespace, at once or before `limit` is over, and that explain agrees.
///
/// - Parameter pause: the doctor's own, between what it sees and its second look.
package func expectSound(
    _ client: StepwiseClient, within limit: Duration = .zero, pause: Duration? = nil, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let doctor = if let pause { Doctor(client, pause: pause) } else { Doctor(client) }
    var report = DoctorReport()
    _ = try await comesTrue(within: limit) {
        report = try await doctor.examine()
        return report.violations.isEmpty
    }
    let violations = report.violations.map(\.line)
    #expect(violations.isEmpty, comment, sourceLocation: sourceLocation)
    try await expectAgreement(client, report, sourceLocation: sourceLocation)
}
