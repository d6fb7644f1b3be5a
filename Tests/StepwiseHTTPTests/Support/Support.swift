import Logging
import Stepwise
import StepwiseHTTP
import StepwiseTesting
import Testing

/// May call this machine by its address and by names that the tests' resolver leads here.
let local = HTTPPolicy(privateHosts: ["127.0.0.1", "*.test"])

/// The first attempt at step "call" of a run.
func firstTry(_ id: String = "call") -> Step { Step(runID: "run-1", generation: 7, id: id, attempt: 1) }

/// Knows the names of the tests, and asks nobody.
func hosts(_ table: [String: [String]]) -> Resolver {
    { host throws(HTTPCallError) in
        guard let texts = table[host] else { throw HTTPCallError(.connection, "host \(host) cannot be looked up") }
        return texts.compactMap { IPAddress($0) }
    }
}

/// The error of one attempt, and whether a step's Retry would make another.
struct Refused {
    var error: HTTPCallError
    var isFinal: Bool
    var after: Duration?
}

/// What sending a request ends in; an issue if it is answered.
func refusal(
    _ call: HTTPCall, by caller: HTTPStepClient = HTTPStepClient(policy: local),
    sourceLocation: SourceLocation = #_sourceLocation
) async throws -> Refused {
    do {
        let answer = try await caller.send(call, as: firstTry())
        Issue.record("it was answered with \(answer.status)", sourceLocation: sourceLocation)
        throw CancellationError()
    } catch let error as NonRetryable {
        return try Refused(error: #require(error.cause as? HTTPCallError), isFinal: true)
    } catch let error as RetryAfter {
        return try Refused(error: #require(error.cause as? HTTPCallError), isFinal: false, after: error.delay)
    } catch let error as HTTPCallError {
        return Refused(error: error, isFinal: false)
    }
}
