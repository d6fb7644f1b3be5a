package import Stepwise
package import Testing

/// How many runs are explained at once: it is asked often.
private let mostExplained = 20

/// Expects that explain agrees with what the doctor has just reported: a run that he calls stuck is not moving, and where he finds nothing
/// wrong, there is no live run that nobody moves. Looks at 20 runs at most.
package func expectAgreement(
    _ client: StepwiseClient, _ report: DoctorReport, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let stopped = Set(report.violations.filter { $0.kind.stops(joins: false) }.compactMap(\.run))
    for run in stopped.sorted().prefix(mostExplained) {
        let found = try await client.explain(run)
        if found.verdict == .moving {
            Issue.record(
                "for explain run \(run) is moving, not for the doctor: \(found.sentence)",
                sourceLocation: sourceLocation)
        }
    }
    if report.violations.isEmpty { try await expectMoved(client, sourceLocation) }
}

/// Expects of the live runs of a sound namespace that none is one that nobody moves.
private func expectMoved(_ client: StepwiseClient, _ sourceLocation: SourceLocation) async throws {
    var left = mostExplained
    for status in RunStatus.all where !status.isEnded && left > 0 {
        for run in try await client.runs(status: status, limit: left) {
            left -= 1
            guard let line = try await defect(of: run.id, client) else { continue }
            // It may have come about since.
            let again = try await Doctor(client).examine().violations
            guard !again.contains(where: { $0.run == run.id || $0.run == nil }) else { continue }
            guard try await defect(of: run.id, client) == line else { continue }
            Issue.record(
                "for explain nobody moves run \(run.id), for the doctor it is sound: \(line)",
                sourceLocation: sourceLocation)
        }
    }
}

/// What explain says of a run that nobody moves; `nil` of any other.
private func defect(of run: String, _ client: StepwiseClient) async throws -> String? {
    let found = try await client.explain(run)
    return found.cause == .nobodyMoves ? found.sentence : nil
}
